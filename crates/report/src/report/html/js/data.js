// The page's data: pieces of deflated JSON, which are opened when they are asked for.
const piecesOf = (part) => [...document.querySelectorAll(`script[data-part="${part}"]`)];

const bytesOf = (base64) => (Uint8Array.fromBase64 ? Uint8Array.fromBase64(base64) : Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));

const opened = (piece) => new Response(new Blob([bytesOf(piece.textContent)]).stream().pipeThrough(new DecompressionStream("deflate"))).json();

// A column of a table. Texts are kept once each, and rows say which: what is asked of a text is asked once, however many rows have it.
class TextColumn {
  constructor(texts, codes) {
    this.texts = texts;
    this.codes = codes;
  }

  at(row) {
    const place = this.codes[row];
    return place < 0 ? null : this.texts[place];
  }

  // The order of the texts, or that of a list which names them all.
  ranks(order) {
    const ranks = new Int32Array(this.texts.length);
    const collator = new Intl.Collator("en", { numeric: true });
    const place = (text) => (order.includes(text) ? order.indexOf(text) : order.length);
    const compare = order ? (a, b) => place(a) - place(b) : collator.compare;
    this.texts.map((text, at) => [text, at]).sort(([a], [b]) => compare(a, b)).forEach(([, at], rank) => (ranks[at] = rank));
    return ranks;
  }

  // A column of what `of` makes of each text.
  mapped(of) {
    const places = new Map();
    const to = this.texts.map((text) => {
      const made = of(text);
      if (made === null) return -1;
      if (!places.has(made)) places.set(made, places.size);
      return places.get(made);
    });
    return new TextColumn([...places.keys()], this.codes.map((place) => (place < 0 ? -1 : to[place])));
  }
}

class ValueColumn {
  constructor(values) {
    this.values = values;
  }

  at(row) {
    return this.values[row];
  }
}

class Table {
  constructor(rows, columns) {
    this.rows = rows;
    this.columns = columns;
  }

  at(row, name) {
    return this.columns.get(name).at(row);
  }

  // All values of a row by their names.
  row(row) {
    return Object.fromEntries([...this.columns].map(([name, column]) => [name, column.at(row)]));
  }

  derive(name, from, of) {
    this.columns.set(name, this.columns.get(from).mapped(of));
  }
}

const joined = (pieces, rows, at) => {
  const isText = pieces.some((piece) => piece.columns[at][0] !== null);
  const isEmpty = pieces.every((piece) => piece.columns[at][1].every((value) => value === null));
  if (!isText && !isEmpty) return new ValueColumn(pieces.flatMap((piece) => piece.columns[at][1]));
  const places = new Map();
  const codes = new Int32Array(rows).fill(-1);
  let first = 0;
  for (const piece of pieces) {
    const [texts, values] = piece.columns[at];
    const to = (texts ?? []).map((text) => {
      if (!places.has(text)) places.set(text, places.size);
      return places.get(text);
    });
    values.forEach((place, row) => {
      if (place !== null) codes[first + row] = to[place];
    });
    first += piece.rows;
  }
  return new TextColumn([...places.keys()], codes);
};

const tables = new Map();
const tableOf = (part) => {
  if (!tables.has(part)) {
    tables.set(part, Promise.all(piecesOf(part).map(opened)).then((pieces) => {
      const rows = pieces.reduce((sum, piece) => sum + piece.rows, 0);
      const columns = pieces[0].names.map((name, at) => [name, joined(pieces, rows, at)]);
      return new Table(rows, new Map(columns));
    }));
  }
  return tables.get(part);
};

// The keys, with where each of them stands.
let keysByArn = null;
const allKeys = async () => {
  const keys = await tableOf("key_overview");
  if (!keysByArn) {
    keysByArn = new Map();
    for (let row = keys.rows - 1; row >= 0; row -= 1) keysByArn.set(keys.at(row, "key_arn"), row);
    derivePlace(keys);
    keys.derive("key_name", "key_arn", (arn) => keyName(keys.at(keysByArn.get(arn), "aliases"), arn));
  }
  return keys;
};

// What people call a key: its first alias, else its id.
const keyName = (aliases, arn) => {
  if (!aliases) return partsOfArn(arn).id;
  const [first, ...more] = aliases.split(", ");
  return more.length ? `${first} and ${more.length} more` : first;
};

const derivePlace = (table) => {
  table.derive("account_id", "key_arn", (arn) => partsOfArn(arn).account);
  table.derive("region", "key_arn", (arn) => partsOfArn(arn).region);
};

// A table of rows that each belong to a key, with the account, Region, name and account's name of that key.
const tableOfKeys = async (part) => {
  const keys = await allKeys();
  const table = await tableOf(part);
  if (!table.columns.has("key_name")) {
    derivePlace(table);
    const of = (name) => (arn) => (keysByArn.has(arn) ? keys.at(keysByArn.get(arn), name) : null);
    table.derive("key_name", "key_arn", (arn) => keyName(of("aliases")(arn), arn));
    table.derive("account_name", "key_arn", of("account_name"));
  }
  return table;
};

// The names of rules, and of the columns of a key's page.
let factsOfReport = null;
const reportFacts = () => (factsOfReport ??= opened(piecesOf("summary")[0]));

// The document's end holds what there is to know of each key: it may still be on its way when the first page is shown.
const whole = () => (document.readyState === "loading" ? new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true })) : Promise.resolve());

let keyPieces = null;
const openedKeyPieces = new Map();

// Everything about the key in this row of the table of keys.
const keyPage = async (row) => {
  await whole();
  keyPieces ??= piecesOf("key_pages").map((piece) => ({ piece, first: Number(piece.dataset.first) }));
  const at = keyPieces.findLastIndex(({ first }) => first <= row);
  const { piece, first } = keyPieces[at];
  if (!openedKeyPieces.has(at)) {
    // A few are kept: whoever reads findings one by one comes back to the same keys.
    if (openedKeyPieces.size > 24) openedKeyPieces.delete(openedKeyPieces.keys().next().value);
    openedKeyPieces.set(at, opened(piece));
  }
  const raw = (await openedKeyPieces.get(at))[row - first];
  const { layout } = await reportFacts();
  const named = (part, values) => Object.fromEntries(layout[part].map((name, place) => [name, values[place]]));
  const page = { whole: raw.whole, key: named("key", raw.key) };
  for (const part of Object.keys(layout)) {
    if (part !== "key") page[part] = raw[part].map((values) => named(part, values));
  }
  return page;
};
