/**
 * Runs every clean-up, the last first, also where one throws: what is left behind by one is no reason to leave the rest.
 * @throws the error where there was one, an AggregateError of several
 */
export async function runCleanUps(cleanUps: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = []
  for (const cleanUp of cleanUps.toReversed()) {
    try {
      await cleanUp()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} clean-ups failed`)
}
