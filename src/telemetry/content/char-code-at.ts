/**
 * The code of the character at a position, which is in the text: `text.charCodeAt(position)` as a function.
 *
 * V8 keeps texts in many inner forms, such as one that was joined or cut out. Where a method of texts has met more than
 * four of them, as in any program after a while, it is looked up anew for each character, which takes longer than all
 * that is done with the character.
 */
export const charCodeAt: (text: string, position: number) => number = Function.prototype.call.bind(
  // oxlint-disable-next-line typescript/unbound-method -- `call` takes the text as its `this`
  String.prototype.charCodeAt,
);
