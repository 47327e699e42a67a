# SPDX-License-Identifier: Apache-2.0
# Built by scripts/build-native, which makes the node directory that node-gyp wants out of node-api-headers.
{
  'targets': [
    {
      'target_name': 'natgw',
      'sources': ['<!@(ls -1 native/*.cc)'],
      'dependencies': ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"],
      'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_DISABLE_DEPRECATED', '_GNU_SOURCE'],
      'cflags_cc': ['-std=c++20', '-O2', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden', '-fPIC'],
      'libraries': ['<!@(pkg-config --libs libbpf)'],
    },
  ],
}
