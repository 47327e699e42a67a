// SPDX-License-Identifier: Apache-2.0
#pragma once

// The few libuv functions used here, as Node exports them. node-api-headers carries no uv.h, and the whole libuv header
// would tie the build to a Node source tree. The handle stays opaque: its size is asked from libuv at run time.

#include <cstddef>

struct uv_loop_s;

extern "C" {

struct uv_handle_s;

enum { UV_ABI_POLL = 8, UV_ABI_READABLE = 1 };

size_t uv_handle_size(int type);
const char *uv_handle_type_name(int type);
void *uv_handle_get_data(const uv_handle_s *handle);
void uv_handle_set_data(uv_handle_s *handle, void *data);
int uv_poll_init(uv_loop_s *loop, uv_handle_s *handle, int fd);
int uv_poll_start(uv_handle_s *handle, int events, void (*callback)(uv_handle_s *handle, int status, int events));
int uv_poll_stop(uv_handle_s *handle);
void uv_close(uv_handle_s *handle, void (*callback)(uv_handle_s *handle));
void uv_ref(uv_handle_s *handle);
void uv_unref(uv_handle_s *handle);
}
