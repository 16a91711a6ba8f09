// Where the reader is stands in the address: `#/findings?severity=high&sort=-severity`. A link leads back to the same rows.
const routeOf = (hash) => {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path, parameters: new URLSearchParams(query) };
};

const hashOf = (path, parameters) => {
  const query = parameters.toString();
  return `#/${path}${query ? `?${query}` : ""}`;
};

const keyHash = (arn) => `#/key/${encodeURIComponent(arn)}`;
const keyLink = (arn, text) => element("a", { href: keyHash(arn) }, foreign(text));
