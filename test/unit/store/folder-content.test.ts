import { execFileSync } from 'node:child_process'
import { mkdir, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventually, FollowedFolder, networkText } from './manifest-folder.ts'

vi.setConfig({ testTimeout: 20_000 })

let folder: FollowedFolder

beforeEach(async () => {
  folder = await FollowedFolder.make()
})
afterEach(() => folder.remove())

describe('what is no manifest in the folder of manifests', () => {
  const FOREIGN: Record<string, [string, string]> = {
    'kustomization.yaml': [
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n',
      'Kustomization of kustomize.config.k8s.io/v1beta1',
    ],
    'values.yaml': ['replicas: 2\nkind: [a]\n', 'no resource'],
    'Chart.yaml': ['apiVersion: v2\nname: a\nversion: 1.0.0\n', 'no resource'],
    'notes.yaml': ['apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: yes}\n', 'ConfigMap of v1'],
    'deployment.yaml': [
      '{{- if .Values.on }}\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}}\n{{- end }}\n',
      'a template',
    ],
    'readme.json': ['{"about": "this folder"}', 'no resource'],
  }

  it.each(Object.entries(FOREIGN))(
    'is passed over with one line, and removals go on: %s',
    async (file, [text, what]) => {
      await folder.put('a.yaml', networkText('a'))
      await folder.put('b.yaml', networkText('b'))
      await folder.put(file, text)
      await folder.open()
      expect(folder.names()).toEqual(['a', 'b'])
      expect(folder.notes()).toEqual([`${file}: passed over: it has ${what}`])
      await unlink(folder.path('b.yaml'))
      await eventually(() => expect(folder.names()).toEqual(['a']))
      await folder.open()
      await unlink(folder.path(file))
      await eventually(() => expect(folder.notes()).toEqual([]))
      expect(folder.problems()).toEqual([])
    },
  )

  it('may stand beside objects of ours, in a List too', async () => {
    const item = (text: string) => `- ${text.trimEnd().replaceAll('\n', '\n  ')}\n`
    const list = `apiVersion: v1\nkind: List\nitems:\n${item(networkText('a'))}${item(FOREIGN['notes.yaml']![0])}`
    await folder.put('a.yaml', list)
    await folder.put('b.yaml', networkText('b'), FOREIGN['notes.yaml']![0], FOREIGN['values.yaml']![0])
    await folder.open()
    expect(folder.names()).toEqual(['a', 'b'])
    expect(folder.notes()).toEqual([
      'a.yaml: passed over: it has ConfigMap of v1',
      'b.yaml: passed over: it has ConfigMap of v1, no resource',
    ])
  })

  it('is a problem where it replaces a manifest, whose objects stay', async () => {
    await folder.put('a.yaml', networkText('a'))
    await folder.put('b.yaml', networkText('b'))
    await folder.open()
    await folder.put('b.yaml', FOREIGN['deployment.yaml']![0])
    await eventually(() =>
      expect(folder.problems()).toEqual([expect.stringMatching(/^b\.yaml: is a template, and desc/)]),
    )
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(folder.names()).toEqual(['a', 'b'])
  })

  it('is a problem where it is not YAML, and removals go on', async () => {
    await folder.put('a.yaml', networkText('a'))
    await folder.put('b.yaml', networkText('b'))
    await folder.put('readme.json', 'This folder: see: the wiki\n')
    await folder.open()
    expect(folder.problems()).toEqual([expect.stringMatching(/^readme\.json:1: is not YAML/)])
    await unlink(folder.path('b.yaml'))
    await eventually(() => expect(folder.names()).toEqual(['a']))
  })

  it('may be a subfolder, which is named, but for hidden ones and lost+found', async () => {
    await Promise.all(['sub', 'dir.yaml', '.git', 'lost+found'].map((name) => mkdir(folder.path(name))))
    await folder.put('sub/c.yaml', networkText('c'))
    await folder.put('a.yaml', networkText('a'))
    await folder.open()
    expect(folder.names()).toEqual(['a'])
    expect(folder.notes().sort()).toEqual([
      'dir.yaml: is a folder: manifests in it are not read',
      'sub: is a folder: manifests in it are not read',
    ])
  })

  it('is never opened where it is no regular file', async () => {
    execFileSync('mkfifo', [folder.path('fifo.yaml')])
    await symlink('/dev/zero', folder.path('endless.yaml'))
    const server = createServer().listen(folder.path('socket.yaml'))
    await folder.put('a.yaml', networkText('a'))
    await folder.open()
    expect(folder.names()).toEqual(['a'])
    expect(folder.notes().sort()).toEqual([
      'endless.yaml: is a device, not a file',
      'fifo.yaml: is a FIFO, not a file',
      'socket.yaml: is a socket, not a file',
    ])
    await folder.put('b.yaml', networkText('b'))
    await eventually(() => expect(folder.names()).toEqual(['a', 'b']))
    server.close()
  })
})

describe('a manifest that is not read', () => {
  it('for its encoding is named with it, and its objects stay', async () => {
    await folder.put('a.yaml', networkText('a'))
    await folder.open()
    await writeFile(folder.path('a.yaml'), Buffer.from(`\uFEFF${networkText('a')}`, 'utf16le'))
    await eventually(() =>
      expect(folder.problems()).toEqual([
        expect.stringMatching(/^a\.yaml: is UTF-16 \(little-endian\) text.*UTF-8; unt/),
      ]),
    )
    expect(folder.names()).toEqual(['a'])
  })

  it('because of its size is reported with both sizes, and its objects stay', async () => {
    await folder.put('a.yaml', networkText('a'))
    await folder.open({ limits: { fileBytes: 120, files: 10 } })
    await folder.put('a.yaml', networkText('a', `, annotations: {x: ${'x'.repeat(100)}}`))
    await eventually(() =>
      expect(folder.problems()).toEqual([expect.stringMatching(/^a\.yaml: has \d+ bytes, .*than 120/)]),
    )
    expect(folder.names()).toEqual(['a'])
    await folder.put('a.yaml', networkText('a'))
    await eventually(() => expect(folder.problems()).toEqual([]))
  })

  it('because there are too many is reported, and nothing is deleted', async () => {
    for (const name of ['a', 'b', 'c']) await folder.put(`${name}.yaml`, networkText(name))
    await folder.open()
    await folder.open({ limits: { fileBytes: 1e6, files: 2 } })
    expect(folder.problems()).toEqual([
      expect.stringMatching(/^c\.yaml: and further files are not read: there are more than 2/),
      expect.stringMatching(
        /^c\.yaml: may describe objects that no other manifest does, so none is deleted: Network de/,
      ),
    ])
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(folder.names()).toEqual(['a', 'b', 'c'])
    await rm(folder.path('b.yaml'))
    await eventually(() => expect(folder.names()).toEqual(['a', 'c']))
  })
})
