/** The default gateways of this machine, as the Linux kernel lists its routes. None anywhere else. */
import { readFile } from 'node:fs/promises'

export async function readGateways(directory = '/proc/net'): Promise<string[]> {
  const [routes, routesIpv6] = await Promise.all([
    textOf(`${directory}/route`),
    textOf(`${directory}/ipv6_route`),
  ])
  return [...new Set([...gatewaysOf(routes), ...ipv6GatewaysOf(routesIpv6)])]
}

/** Interface, destination, gateway, flags …; addresses are in hexadecimal, the lowest byte first. */
function gatewaysOf(routes: string): string[] {
  return routes.split('\n').flatMap(line => {
    const [, destination, gateway, , , , , mask] = line.trim().split(/\s+/)
    if (destination !== '00000000' || mask !== '00000000' || !gateway || gateway === '00000000') return []
    return [[...Buffer.from(gateway, 'hex').reverse()].join('.')]
  })
}

/** Destination, its prefix length, source, its prefix length, gateway … */
function ipv6GatewaysOf(routes: string): string[] {
  return routes.split('\n').flatMap(line => {
    const [destination = '', prefix, , , gateway = ''] = line.trim().split(/\s+/)
    if (prefix !== '00' || !/^0{32}$/.test(destination) || !/^[0-9a-f]{32}$/.test(gateway)) return []
    return /^0{32}$/.test(gateway) ? [] : [shortest(gateway)]
  })
}

/** As sockets show it: the longest run of zeros left out. */
function shortest(hex: string): string {
  const groups = hex.match(/.{4}/g)!.join(':')
  return new URL(`http://[${groups}]`).hostname.slice(1, -1)
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    // Another system, or one that hides its routes: then no gateway is known.
    return ''
  }
}
