/** A pause before the next try. `fraction` is that of the stage it interrupts. */
export interface Waiting {
  stage: "waiting";
  /** `busy`: the server's queue is full. `network`: it could not be reached. */
  reason: "busy" | "network";
  /** How many tries there were. */
  attempt: number;
  /** Seconds until the next try. */
  retryInSeconds: number;
  fraction: number;
}

/**
 * What `client.keys()` is doing. Generating and uploading overlap, so their events alternate: each
 * has a fraction of its own, from 0 to 1, that never falls.
 */
export type KeyProgress =
  /** Looking for stored keys and asking the server about them. */
  | { stage: "checking"; fraction: number }
  /** Making evaluation keys in workers. */
  | { stage: "generating"; fraction: number; keysDone: number; keysTotal: number }
  /** Sending them. `resumed`: an earlier upload is continued. */
  | {
      stage: "uploading";
      fraction: number;
      bytesSent: number;
      bytesTotal: number;
      resumed: boolean;
    }
  | Waiting
  | { stage: "ready"; fraction: 1 };

/** What `client.classify()` is doing. `fraction`, from 0 to 1, is that of the whole call. */
export type ClassifyProgress =
  /** Cutting out the square and shrinking it to what the model reads. */
  | { stage: "preparing"; fraction: number }
  | { stage: "encrypting"; fraction: number }
  | { stage: "sending"; fraction: number; bytesTotal: number }
  /** In the server's queue; `position` 0 is next. */
  | { stage: "queued"; fraction: number; position: number }
  /** `step` of `steps` are done; `etaSeconds` is the server's estimate, if it has one. */
  | {
      stage: "evaluating";
      fraction: number;
      step: number;
      steps: number;
      etaSeconds: number | null;
    }
  | { stage: "receiving"; fraction: number }
  | { stage: "decrypting"; fraction: number }
  | Waiting
  | { stage: "done"; fraction: 1 };
