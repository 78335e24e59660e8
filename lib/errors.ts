/**
 * Errors a user can act on: the message names the file or argument, the place in it, and the remedy.
 * Anything else that is thrown is a defect of this library.
 */
export class TunelabError extends Error {
  override name = "TunelabError";
}

/** Weights or activations are no longer numbers: training went wrong. */
export class NonFiniteError extends TunelabError {}
