// Words, numbers and dates. Text from AWS is anybody's: what nobody would see, or would turn the direction of writing, becomes visible.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
const visible = (text) => text.replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
// In a line of its own, where a break would be one too.
const inLine = (text) => visible(text).replace(/\n/g, "\\n").replace(/\t/g, "\\t");

const grouped = new Intl.NumberFormat("en-US");
const number = (value) => grouped.format(value);
const counted = (count, noun) => (count === 1 ? `1 ${noun}` : `${number(count)} ${noun}s`);
const dollars = (value) => `$${number(value)}`;
const day = (moment) => moment.slice(0, 10);
const minute = (moment) => `${moment.slice(0, 10)} ${moment.slice(11, 16)} UTC`;

const SEVERITIES = ["critical", "high", "medium", "low", "info"];
const CONFIDENCES = ["certain", "likely", "possible"];
const NOT_KNOWN = "not known";

const TRUST = {
  public: "every AWS account",
  outside: "outside the organization",
  trusted: "trusted account",
  organization: "same organization",
  own_account: "own account",
  aws_service: "AWS service",
  deleted: "deleted principal",
  unknown: NOT_KNOWN,
};

// What a key's ARN says: `arn:aws:kms:REGION:ACCOUNT:key/ID`.
const partsOfArn = (arn) => {
  const [, , , region = "", account = "", resource = ""] = arn.split(":");
  return { region, account, id: resource.replace(/^key\//, "") };
};
