const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether Node's http client agrees to send a text as the value of a header. */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text);
}
