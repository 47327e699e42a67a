import type { Agent } from '../agent/agent.ts'
import type { Logger } from '../log/logger.ts'
import type { ProblemList } from '../problems/problem-list.ts'

/**
 * Logs that the gateway serves once it does, that it does not serve when something stops everybody, and so on.
 * @returns function that ends it
 */
export function announceServing(
  { agent, problems, log }: { agent: Pick<Agent, 'isAttached'>; problems: ProblemList; log: Logger },
  fields: object,
): () => void {
  let serves: boolean | undefined
  const look = (): void => {
    const isBlocked = problems.list().some(({ stopsEverything }) => stopsEverything === true)
    const present = agent.isAttached && !isBlocked
    if (present === serves) return
    serves = present
    if (present) log.info(fields, 'gateway is serving')
    else log.warn(fields, 'gateway runs and serves nobody: natgw status says why')
  }
  look()
  return problems.onChange(look)
}
