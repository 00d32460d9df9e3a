/** Whether a value is an error, of whichever realm: `node:vm` and test runners have classes of their own. */
export function isAnyError(value: object): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}
