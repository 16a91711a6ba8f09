// Unpacks the browser of the package into the folder that TMPDIR names: the program, libraries that a machine may lack, and a font.
import { inflate } from "@sparticuz/chromium";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("./node_modules/@sparticuz/chromium/bin/", import.meta.url));
await Promise.all(["chromium.br", "al2023.tar.br", "fonts.tar.br", "swiftshader.tar.br"].map((file) => inflate(folder + file)));
