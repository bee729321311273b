/**
 * An error whose message is meant for the user as it stands: which file or option, what was expected, what to do.
 * Everything else that is thrown counts as a defect of ours.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
}

/** Thrown when a job would not fit into its memory limit, with the estimate. */
export class MemoryLimitError extends UserError {
  override readonly name = 'MemoryLimitError';
}
