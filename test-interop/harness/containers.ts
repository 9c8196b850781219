// Images and containers without a daemon: Debian's buildah with chroot isolation, which needs root and nothing else. The
// base image is a minimal Debian with Node and npm, as the official Node images are. Each container gets its own process
// 1 and its own network behind a gateway, as with Docker; what publishes a port there is a `Forwarder` here.

import type { ChildProcess } from 'node:child_process'
import { chownSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { type Finished, launch, type RunOptions, run, runOk } from './processes.ts'

const suite = 'bookworm'
const nodeVersion = '24.21.0'
const npmVersion = '11.6.2'
const inBuild = '/root/.npmrc'
const caInBuild = '/root/ca.crt'

/** What the Dockerfile says of how to run the image. */
export interface ImageConfig {
  readonly User: string
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly Env: readonly string[]
  readonly ExposedPorts: Readonly<Record<string, unknown>>
  readonly Volumes: Readonly<Record<string, unknown>>
  readonly Healthcheck: { readonly Test: readonly string[] }
}

/** A store of images and containers that is gone with the test. */
export class ImageStore {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<ImageStore> {
    await installPackages()
    return new ImageStore(await mkdtemp(join(tmpdir(), 'klamm-images-')))
  }

  /** Makes `base` of a minimal Debian with Node and npm. */
  async importBase(): Promise<void> {
    const archive = join(await baseArchive(), 'base.tar')
    const container = (await this.buildahOk(['from', 'scratch'])).trim()
    await this.buildahOk(['add', '--quiet', container, archive, '/'])
    await this.buildahOk(['commit', '--quiet', '--rm', container, 'localhost/base'])
  }

  /** Builds a Dockerfile on `base`, with the machine's own way to the npm registry mounted for the time of building. */
  async build(name: string, dockerfile: string, context: string): Promise<void> {
    const volumes = (await this.#npmAccess()).flatMap(volume => ['--volume', volume])
    const format = ['--isolation', 'chroot', '--format', 'docker', '--build-arg', 'NODE_IMAGE=localhost/base']
    const args = [...format, ...volumes, '--file', dockerfile, '--tag', `localhost/${name}`, context]
    await this.buildahOk(['bud', ...args], { deadlineMs: 300_000 })
  }

  async config(name: string): Promise<ImageConfig> {
    const inspected = await this.buildahOk(['inspect', '--type', 'image', `localhost/${name}`])
    return JSON.parse(inspected).Docker.config as ImageConfig
  }

  async sizeBytes(name: string): Promise<number> {
    const [image] = JSON.parse(await this.buildahOk(['images', '--json', `localhost/${name}`])) as {
      size: string
    }[]
    const [, amount, unit] = /^([\d.]+) ([KMG]?B)$/.exec(image!.size)!
    return Number(amount) * { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 }[unit as 'MB']
  }

  buildah(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run('buildah', this.#withStore(args), options)
  }

  buildahOk(args: readonly string[], options: RunOptions = {}): Promise<string> {
    return runOk('buildah', this.#withStore(args), options)
  }

  runIn(network: PrivateNetwork, args: readonly string[]): Promise<Finished> {
    return run('ip', ['netns', 'exec', network.name, 'buildah', ...this.#withStore(args)])
  }

  launchIn(network: PrivateNetwork, args: readonly string[]): ChildProcess {
    return launch('ip', ['netns', 'exec', network.name, 'buildah', ...this.#withStore(args)], {})
  }

  async dispose(): Promise<void> {
    await this.buildah(['rm', '--all'])
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Volumes by which npm in the build reaches the registry as npm of this machine does. */
  async #npmAccess(): Promise<string[]> {
    const setting = async (name: string) => (await runOk('npm', ['config', 'get', name])).trim()
    const ca = process.env.NODE_EXTRA_CA_CERTS || (await setting('cafile'))
    const hasCa = ca !== '' && ca !== 'null'
    const npmrc = join(this.folder, 'npmrc')
    const lines = [`registry=${await setting('registry')}`, ...(hasCa ? [`cafile=${caInBuild}`] : [])]
    await writeFile(npmrc, `${lines.join('\n')}\n`)
    const cache = await setting('cache')
    await mkdir(cache, { recursive: true })
    return [`${npmrc}:${inBuild}:ro`, `${cache}:/root/.npm`, ...(hasCa ? [`${ca}:${caInBuild}:ro`] : [])]
  }

  #withStore(args: readonly string[]): string[] {
    const { folder } = this
    return [
      ...['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'],
      ...args,
    ]
  }
}

export interface ContainerOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What is mounted where, `from:to`. */
  readonly volumes?: readonly string[]
  /** Instead of the image's own. */
  readonly command?: readonly string[]
}

/** The image's command as process 1 of its own, by the image's own user, in a network of its own. */
export class Container {
  readonly #store: ImageStore
  readonly #network: PrivateNetwork
  readonly #id: string
  readonly #flags: readonly string[]
  readonly #process: ChildProcess
  readonly #ended: Promise<number | null>
  #log = ''

  static async start(
    store: ImageStore,
    image: string,
    network: PrivateNetwork,
    options: ContainerOptions = {},
  ): Promise<Container> {
    const config = await store.config(image)
    const id = (await store.buildahOk(['from', '--pull-never', `localhost/${image}`])).trim()
    for (const volume of options.volumes ?? []) {
      // Buildah mounts its own volume of the image's over one that is given, where Docker does the reverse.
      await store.buildahOk(['config', '--volume', `${volume.split(':')[1]}-`, id])
    }
    return new Container(store, { network, id, config }, options)
  }

  private constructor(
    store: ImageStore,
    made: { readonly network: PrivateNetwork; readonly id: string; readonly config: ImageConfig },
    options: ContainerOptions,
  ) {
    this.#store = store
    this.#network = made.network
    this.#id = made.id
    const variables = Object.entries(options.env ?? {}).flatMap(([name, value]) => [
      '--env',
      `${name}=${value}`,
    ])
    const volumes = (options.volumes ?? []).flatMap(volume => ['--volume', volume])
    this.#flags = ['run', '--isolation', 'chroot', ...variables, ...volumes]
    const { Entrypoint, Cmd, User } = made.config
    const [user, group] = User.split(':')
    // Chroot isolation shares the host's processes: the container's own process 1 is made by hand.
    const asFirst = ['unshare', '--pid', '--fork', '--kill-child']
    const asUser = ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups']
    const command = [...asFirst, ...asUser, ...Entrypoint, ...(options.command ?? Cmd)]
    const privileges = ['--user', '0', '--cap-add', 'CAP_SYS_ADMIN']
    const child = store.launchIn(made.network, [...this.#flags, ...privileges, this.#id, '--', ...command])
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    this.#process = child
    this.#ended = new Promise(resolve => child.once('close', resolve))
  }

  /** What it has printed. */
  get log(): string {
    return this.#log
  }

  /** Runs a command beside the first process, by the image's user, with the same variables and volumes. */
  run(command: readonly string[]): Promise<Finished> {
    return this.#store.runIn(this.#network, [...this.#flags, this.#id, '--', ...command])
  }

  /** The host's id of the container's process 1. */
  get firstProcess(): number {
    for (const pid of descendants(this.#process.pid!)) {
      const ids = statusOf(pid, 'NSpid')
      if (ids.length > 1 && ids.at(-1) === '1' && !commandOf(pid).startsWith('setpriv')) return Number(pid)
    }
    throw new Error(`the container has no process 1\n${this.#log}`)
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** The code with which its first process ends by itself. */
  async ended(): Promise<number | null> {
    return this.#ended
  }

  /** Sends a signal to its first process; the code with which it ends. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    process.kill(this.firstProcess, signal)
    return this.#ended
  }

  async dispose(): Promise<void> {
    if (this.isRunning) {
      const pids = descendants(this.#process.pid!)
      for (const pid of [...pids.reverse(), this.#process.pid!]) killed(Number(pid))
      await this.#ended
    }
    await this.#store.buildah(['rm', this.#id])
  }
}

/** A network namespace whose only way out is the host, at the gateway's address. */
export class PrivateNetwork {
  readonly name: string
  readonly address: string
  readonly gateway: string
  /** Another machine of the same network, as far as the container can see: an address of the host's. */
  readonly neighbour: string

  private constructor(number: number) {
    this.name = `klamm-${number}`
    const prefix = `10.231.${number}`
    this.gateway = `${prefix}.1`
    this.address = `${prefix}.2`
    this.neighbour = `${prefix}.3`
  }

  static async make(): Promise<PrivateNetwork> {
    const network = new PrivateNetwork(process.pid % 256)
    const { name, address, gateway, neighbour } = network
    const [outer, inner] = [name, 'eth0']
    await run('ip', ['netns', 'delete', name])
    await runOk('ip', ['netns', 'add', name])
    await runOk('ip', ['link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name])
    for (const own of [gateway, neighbour]) {
      await runOk('ip', ['address', 'add', `${own}/24`, 'dev', outer])
    }
    await runOk('ip', ['link', 'set', outer, 'up'])
    await runOk('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
    await runOk('ip', ['-n', name, 'address', 'add', `${address}/24`, 'dev', inner])
    await runOk('ip', ['-n', name, 'link', 'set', inner, 'up'])
    await runOk('ip', ['-n', name, 'route', 'add', 'default', 'via', gateway])
    return network
  }

  async dispose(): Promise<void> {
    await run('ip', ['netns', 'delete', this.name])
  }
}

/** A port of the host that leads into a container, which sees the gateway as its peer: a published port. */
export class Forwarder {
  readonly port: number
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** On a free port of this machine, or on one of one's own choice. */
  static async open(host: string, port: number, ownPort = 0): Promise<Forwarder> {
    const server = createServer(near => {
      const far = connect(port, host)
      near.on('error', () => far.destroy()).on('close', () => far.destroy())
      far.on('error', () => near.destroy()).on('close', () => near.destroy())
      near.pipe(far).pipe(near)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(ownPort, '127.0.0.1', resolve)
    })
    return new Forwarder(server)
  }

  close(): void {
    this.#server.close()
  }
}

/** A directory that a container may write to, as a fresh volume. */
export async function makeVolume(parent: string, name: string, user: string): Promise<string> {
  const folder = join(parent, name)
  await mkdir(folder)
  const [uid, gid] = user.split(':').map(Number)
  chownSync(folder, uid!, gid!)
  return folder
}

async function installPackages(): Promise<void> {
  const wanted = { buildah: 'buildah', debootstrap: 'debootstrap', ip: 'iproute2', wget: 'wget' }
  const missing: string[] = []
  for (const [command, name] of Object.entries(wanted)) {
    const { code } = await run('sh', ['-c', `command -v ${command}`])
    if (code !== 0) missing.push(name)
  }
  if (missing.length === 0) return
  const options = { deadlineMs: 300_000 }
  await runOk('apt-get', ['update', '-qq'], options)
  await runOk('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], options)
}

/** The folder with `base.tar`. */
function baseArchive(): Promise<string> {
  return cached(`debian-${suite}-node-${nodeVersion}-npm-${npmVersion}-${process.arch}`, async folder => {
    const root = join(folder, 'root')
    // What debootstrap mounts goes with the mount namespace, also when it is cut short.
    const bootstrap = ['--mount', 'debootstrap', '--variant=minbase', suite, root]
    await runOk('unshare', bootstrap, { deadlineMs: 420_000 })
    const packages = [`node@${nodeVersion}`, `npm@${npmVersion}`]
    const quiet = ['--no-save', '--no-audit', '--no-fund']
    await runOk('npm', ['install', '--prefix', folder, ...quiet, ...packages], { deadlineMs: 120_000 })
    const modules = join(folder, 'node_modules')
    const local = join(root, 'usr', 'local')
    await cp(join(modules, 'node', 'bin', 'node'), join(local, 'bin', 'node'))
    await cp(join(modules, 'npm'), join(local, 'lib', 'node_modules', 'npm'), { recursive: true })
    for (const name of ['npm', 'npx']) {
      await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name))
    }
    const without = ['./var/cache/apt', './var/lib/apt/lists'].map(path => `--exclude=${path}/*`)
    await runOk('tar', ['-C', root, ...without, '-cf', join(folder, 'base.tar'), '.'])
    await rm(root, { recursive: true })
    await rm(modules, { recursive: true })
  })
}

/** Of all its threads: Go starts processes from any. */
function descendants(pid: number | string): string[] {
  let children: string[] = []
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const lists = threads.map(thread => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'))
    children = lists.flatMap(list => list.split(' ').filter(Boolean))
  } catch {
    // It has ended meanwhile.
  }
  return children.flatMap(child => [child, ...descendants(child)])
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

function statusOf(pid: string, field: string): string[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/) ?? []
  } catch {
    return []
  }
}

function commandOf(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
}
