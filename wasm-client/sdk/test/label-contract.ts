import type { Contract } from "../src/types.js";

/** Makes a contract that of the label alone, with the one parameter set of TFHE that there is. */
export function labelAlone(contract: Contract): void {
  contract.id += ".label";
  contract.answer = {
    exact: {
      lwe_dimension: 918,
      log2_degree: 11,
      lwe_log2_error: 45,
      ring_log2_error: 17,
      bootstrap: [23, 1],
      key_switch: [4, 4],
      bridge: [23, 1],
    },
  };
}
