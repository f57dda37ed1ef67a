/** Why an expression cannot be compiled. */
export class CelFault extends Error {
  /** In UTF-16 code units from the expression's start. */
  readonly offset: number;
  /** Whether the API server may well take it: it is only not modelled here. */
  readonly isUnmodelled: boolean;

  constructor(offset: number, message: string, isUnmodelled = false) {
    super(message);
    this.name = 'CelFault';
    this.offset = offset;
    this.isUnmodelled = isUnmodelled;
  }

  static unmodelled(offset: number, what: string): CelFault {
    return new CelFault(offset, `${what} is not modelled here`, true);
  }
}

/** Why an evaluation has no value. */
export class CelFailure extends Error {
  /** Whether the API server may well have one: it is only not modelled here. */
  readonly isUnmodelled: boolean;

  constructor(message: string, isUnmodelled = false) {
    super(message);
    this.name = 'CelFailure';
    this.isUnmodelled = isUnmodelled;
  }
}
