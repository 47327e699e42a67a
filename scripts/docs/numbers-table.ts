import { FIRST_NAT_PORT, LAST_NAT_PORT } from '../../src/api/index.ts'
import { NUMBERS } from '../../src/config/numbers.ts'
import type { NumberRule } from '../../src/config/numbers.ts'
import { SHORTEST_PUBLIC_PREFIX } from '../../src/config/sections.ts'
import { DEVICE_NAME, INSTANCE_NAME } from '../../src/net/names.ts'

/** Ranges of numbers, and rules of names, as gateway.yaml is held to them. */
export function numbersTable(): string {
  const rows = [...rulesOf(NUMBERS)].map(([field, { fallback, min, max, unit }]) => {
    return `| \`${field}\` | ${fallback} | ${min} … ${max}${unit === undefined ? '' : ` ${unit}`} |`
  })
  const others = [
    `| \`instance\` | \`default\` | ${INSTANCE_NAME.what}; no dash at either end |`,
    `| \`uplink.interface\`, \`private[].interface\` | – | ${DEVICE_NAME.what} |`,
    `| prefixes of \`publicPrefixes\` | – | /${SHORTEST_PUBLIC_PREFIX} … /32 |`,
    `| \`publicPrefixes[].ports\` | \`${FIRST_NAT_PORT}-${LAST_NAT_PORT}\` | within ${FIRST_NAT_PORT}-${LAST_NAT_PORT} |`,
  ]
  return ['| field | default | range |', '|---|---|---|', ...rows, ...others].join('\n')
}

type Rules = { readonly [name: string]: NumberRule | Rules }

export function* rulesOf(rules: Rules, path = ''): Generator<[field: string, rule: NumberRule]> {
  for (const [key, each] of Object.entries(rules)) {
    const field = path === '' ? key : `${path}.${key}`
    if (isRule(each)) yield [field, each]
    else yield* rulesOf(each, field)
  }
}

function isRule(each: NumberRule | Rules): each is NumberRule {
  return typeof each['fallback'] === 'number'
}
