import { data, TapegradError, type train } from "tapegrad";
import { parseOptions } from "./options.ts";
import { type Surroundings, trainDigits } from "./train-digits.ts";

export const exitCodes = {
  done: 0,
  failed: 1,
  wrongUsage: 2,
  interrupted: 128 + 2, // as shells count a program ended by signal 2, SIGINT
};

/**
 * The whole program but for the process: arguments in, text out.
 *
 * @returns  the exit code
 */
export async function run(
  args: readonly string[],
  around: Surroundings & { errors: train.Output },
): Promise<number> {
  const options = parseOptions(args);
  if ("exitCode" in options) {
    (options.exitCode === exitCodes.done ? around.output : around.errors).write(options.text);
    return options.exitCode;
  }
  const fail = (error: unknown, exitCode: number) => {
    if (!(error instanceof TapegradError)) throw error;
    around.errors.write(`error: ${error.message}\n`);
    return exitCode;
  };
  try {
    await data.checkWritable("--output", options.output);
  } catch (error) {
    return fail(error, exitCodes.wrongUsage);
  }
  try {
    const { stopped } = await trainDigits(options, around);
    return stopped === "aborted" ? exitCodes.interrupted : exitCodes.done;
  } catch (error) {
    return fail(error, exitCodes.failed);
  }
}
