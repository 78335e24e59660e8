/** What a run has measured so far: one record a step, one an evaluation. */
export interface StepRecord {
  step: number;
  epoch: number;
  /** Mean loss of the step's batch, before the update (nats a token for SFT). */
  loss: number;
  /** What the objective measured beside it (margins, KL, …), means over the batch; what a round of rollouts measured stands in its first step. */
  metrics?: Record<string, number>;
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
/** `perplexity` where the loss is in nats a token. */
export interface EvaluationRecord { step: number; loss: number; perplexity?: number; metrics?: Record<string, number> }
export interface History { steps: StepRecord[]; evaluations: EvaluationRecord[] }
