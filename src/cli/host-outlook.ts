import type { Obstacle, Outlook } from '../controllers/view/outlook.ts'
import type { Problem } from '../problems/problem.ts'
import { problemKey } from '../problems/problem.ts'
import type { ProblemList } from '../problems/problem-list.ts'

const ADDRESS = 'address '

/** What controllers are to know of the list of problems: what stops everything, and what is wrong with public addresses. */
export class HostOutlook implements Outlook {
  readonly #list: ProblemList
  #blocker: Problem | undefined
  #ofAddress = new Map<string, Problem>()
  #known = ''

  constructor(list: ProblemList) {
    this.#list = list
    this.#look()
  }

  blocker(): Obstacle | undefined {
    return obstacleOf(this.#blocker)
  }

  addressProblem(ip: string): Obstacle | undefined {
    return obstacleOf(this.#ofAddress.get(ip))
  }

  onChange(listener: () => void): () => void {
    return this.#list.onChange(() => {
      if (this.#look()) listener()
    })
  }

  /** @returns whether anything differs that controllers can ask for */
  #look(): boolean {
    const all = this.#list.list()
    const ofAddresses = all.filter(({ object }) => object.startsWith(ADDRESS))
    this.#blocker = all.find(({ stopsEverything }) => stopsEverything)
    this.#ofAddress = new Map(ofAddresses.map((each) => [each.object.slice(ADDRESS.length), each]))
    const known = [...(this.#blocker === undefined ? [] : [this.#blocker]), ...ofAddresses].map(problemKey).join('\n')
    const differs = known !== this.#known
    this.#known = known
    return differs
  }
}

function obstacleOf(problem: Problem | undefined): Obstacle | undefined {
  if (problem === undefined) return undefined
  const { object, reason, message, remedy } = problem
  return { reason, message: `${object}: ${message}; ${remedy}` }
}
