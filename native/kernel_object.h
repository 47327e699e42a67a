// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "error.h"
#include "unique_fd.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <cerrno>
#include <napi.h>
#include <string>

namespace natgw
{

/** Makes sure that a descriptor from a pin is of the wanted kind ("bpf-map", "bpf-prog", "bpf-link"). */
inline void RequireKind(Napi::Env env, const UniqueFd &fd, const char *kind, const std::string &path)
{
	char target[64] = {};
	std::string self = "/proc/self/fd/" + std::to_string(fd.Get());
	ssize_t length = readlink(self.c_str(), target, sizeof(target) - 1);
	if (length < 0)
		ThrowErrno(env, errno, "readlink", self);
	std::string actual(target, static_cast<size_t>(length));
	// Kernels differ in "bpf_link" and "bpf-link".
	std::replace(actual.begin(), actual.end(), '_', '-');
	if (!actual.ends_with(kind))
		ThrowErrno(env, EINVAL, "bpf_obj_get", path + " is a " + actual + ", not a " + kind);
}

inline UniqueFd OpenPinnedFd(Napi::Env env, const std::string &path, const char *kind)
{
	UniqueFd fd(bpf_obj_get(path.c_str()));
	if (!fd.Valid())
		ThrowErrno(env, errno, "bpf_obj_get", "open pinned " + path);
	RequireKind(env, fd, kind, path);
	return fd;
}

inline void PinFd(Napi::Env env, int fd, const std::string &path)
{
	if (bpf_obj_pin(fd, path.c_str()) != 0)
		ThrowErrno(env, errno, "bpf_obj_pin", "pin " + path);
}

template <typename Info> Info InfoOf(Napi::Env env, int fd, const char *what)
{
	Info info{};
	__u32 length = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0)
		ThrowErrno(env, errno, "bpf_obj_get_info_by_fd", std::string("information on ") + what);
	return info;
}

} // namespace natgw
