/** An object with nothing in it, for what is matched in part: there `{}` stands for any object. */
export const NOTHING: unknown = {
  asymmetricMatch: (value: object) => Object.keys(value).length === 0,
  toString: () => 'nothing',
};
