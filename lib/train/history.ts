/** What a run has measured so far: one record a step, one an evaluation. */
export interface StepRecord {
  step: number;
  epoch: number;
  /** Mean loss of the step's batch, before the update (nats a token for SFT). */
  loss: number;
  learningRate: number;
  /** Global norm of the gradient before clipping. */
  gradientNorm: number;
  /** Real and padding tokens that the step worked through, a second. */
  tokensPerSecond: number;
  seconds: number;
  /** Resident memory of the process, bytes. */
  memory: number;
  /** With loss scaling: the step's scale, and whether it was left out because its gradient overflowed. */
  lossScale?: number;
  skipped?: boolean;
}
export interface EvaluationRecord { step: number; loss: number; perplexity: number }
export interface History { steps: StepRecord[]; evaluations: EvaluationRecord[] }
