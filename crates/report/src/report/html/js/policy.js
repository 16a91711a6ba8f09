// Policies as people read them.
const pretty = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // A policy that is no JSON is shown as it is.
    return text;
  }
};

const MOST_COMPARED = 4_000_000;

// The lines of two texts side by side: kept, gone or new. What is alike at both ends is set aside first; too much in between is told as all gone and all new.
const comparedLines = (before, after) => {
  const [old, now] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1;
  const [a, b] = [old.slice(head, old.length - tail), now.slice(head, now.length - tail)];
  const kept = (list) => list.map((line) => [" ", line]);
  return [...kept(old.slice(0, head)), ...comparedMiddle(a, b), ...kept(old.slice(old.length - tail))];
};

const comparedMiddle = (a, b) => {
  if (a.length * b.length > MOST_COMPARED) return [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
  // How long the longest common rest is from each pair of places on.
  const width = b.length + 1;
  const rest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      rest[i * width + j] = a[i] === b[j] ? rest[(i + 1) * width + j + 1] + 1 : Math.max(rest[(i + 1) * width + j], rest[i * width + j + 1]);
    }
  }
  const lines_ = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines_.push([" ", a[i]]);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && rest[(i + 1) * width + j] >= rest[i * width + j + 1])) {
      lines_.push(["-", a[i]]);
      i += 1;
    } else {
      lines_.push(["+", b[j]]);
      j += 1;
    }
  }
  return lines_;
};

// The change from one policy to another, each line with a sign that is also read out.
const changedPolicy = (before, after) => {
  const lines_ = comparedLines(pretty(before), pretty(after)).map(([sign, line]) => {
    const text = `${sign} ${visible(line)}\n`;
    return sign === " " ? text : element(sign === "+" ? "ins" : "del", {}, text);
  });
  return element("pre", { tabindex: "0", role: "group", "aria-label": "The policy with the change: lines with + are new, lines with − go", class: "change" }, lines_);
};
