// SPDX-License-Identifier: Apache-2.0
#include "system.h"

#include "bytes.h"
#include "handle.h"

#include <bpf/libbpf.h>
#include <cerrno>
#include <net/if.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace natgw
{

namespace
{

constexpr uint32_t kBpffsMagic = 0xcafe4a11;

/** Whether the path still names the open file: whoever held the lock before may have removed it. */
bool IsStillAt(const std::string &path, int fd)
{
	struct stat opened, named;
	return fstat(fd, &opened) == 0 && lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
	       opened.st_ino == named.st_ino;
}

Napi::Value LockFile(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	std::string path = StringArg(info[0], "path");
	for (;;) {
		UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
		if (!fd.Valid())
			ThrowErrno(env, errno, "open", "open lock file " + path);
		if (flock(fd.Get(), LOCK_EX | LOCK_NB) != 0) {
			if (errno == EWOULDBLOCK)
				return Napi::Number::New(env, -1);
			ThrowErrno(env, errno, "flock", "lock " + path);
		}
		// A lock on a removed file excludes nobody.
		if (!IsStillAt(path, fd.Get()))
			continue;
		AddonData::Of(env).registry->locks.insert(fd.Get());
		return Napi::Number::New(env, fd.Release());
	}
}

Napi::Value IsFileLocked(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	std::string path = StringArg(info[0], "path");
	UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	if (!fd.Valid()) {
		if (errno == ENOENT)
			return Napi::Boolean::New(env, false);
		ThrowErrno(env, errno, "open", "open lock file " + path);
	}
	if (flock(fd.Get(), LOCK_SH | LOCK_NB) == 0)
		return Napi::Boolean::New(env, false);
	if (errno != EWOULDBLOCK)
		ThrowErrno(env, errno, "flock", "look at lock " + path);
	return Napi::Boolean::New(env, true);
}

void UnlockFile(const Napi::CallbackInfo &info)
{
	int fd = static_cast<int>(Uint32Arg(info[0], "fd", INT32_MAX));
	// Only descriptors of lockFile(): a stray number would close somebody else's file.
	if (AddonData::Of(info.Env()).registry->locks.erase(fd) == 0)
		ThrowArg(info.Env(), "descriptor " + std::to_string(fd) + " holds no lock of lockFile()");
	close(fd);
}

uint32_t TypeOf(Napi::Env env, const std::string &path)
{
	struct statfs status;
	if (statfs(path.c_str(), &status) != 0)
		ThrowErrno(env, errno, "statfs", "file system of " + path);
	return static_cast<uint32_t>(status.f_type);
}

Napi::Value FileSystemType(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), TypeOf(info.Env(), StringArg(info[0], "path")));
}

void MountBpffs(const Napi::CallbackInfo &info)
{
	std::string path = StringArg(info[0], "path");
	// A second mount would hide what is pinned in the first.
	if (TypeOf(info.Env(), path) == kBpffsMagic)
		return;
	if (mount("bpf", path.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0)
		ThrowErrno(info.Env(), errno, "mount", "mount bpffs on " + path);
}

Napi::Value IfIndex(const Napi::CallbackInfo &info)
{
	std::string name = StringArg(info[0], "name");
	unsigned int index = name.size() < IF_NAMESIZE ? if_nametoindex(name.c_str()) : 0;
	if (index == 0)
		ThrowErrno(info.Env(), name.size() < IF_NAMESIZE ? errno : ENODEV, "if_nametoindex", "device " + name);
	return Napi::Number::New(info.Env(), index);
}

Napi::Value PossibleCpus(const Napi::CallbackInfo &info)
{
	int cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		ThrowErrno(info.Env(), -cpus, "libbpf_num_possible_cpus", "possible CPUs");
	return Napi::Number::New(info.Env(), cpus);
}

void SetAffinity(const Napi::CallbackInfo &info)
{
	uint32_t cpu = Uint32Arg(info[0], "cpu", CPU_SETSIZE - 1);
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		ThrowErrno(info.Env(), errno, "sched_setaffinity", "pin the thread to CPU " + std::to_string(cpu));
}

/** Puts the thread back into its network namespace. Going on in the wrong one would program the wrong devices. */
class ReturnToNamespace
{
      public:
	explicit ReturnToNamespace(UniqueFd original) : original_(std::move(original))
	{
	}
	~ReturnToNamespace()
	{
		if (setns(original_.Get(), CLONE_NEWNET) == 0)
			return;
		fprintf(stderr, "natgw: cannot return to the network namespace: %s\n", ErrorText(errno).c_str());
		abort();
	}

      private:
	UniqueFd original_;
};

Napi::Value InNetworkNamespace(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	std::string path = StringArg(info[0], "path");
	Napi::Function body = FunctionArg(info[1], "body");
	UniqueFd original(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
	if (!original.Valid())
		ThrowErrno(env, errno, "open", "open the thread's network namespace");
	UniqueFd target(open(path.c_str(), O_RDONLY | O_CLOEXEC));
	if (!target.Valid())
		ThrowErrno(env, errno, "open", "open network namespace " + path);
	if (setns(target.Get(), CLONE_NEWNET) != 0)
		ThrowErrno(env, errno, "setns", "enter network namespace " + path);
	ReturnToNamespace guard(std::move(original));
	Napi::Value result = body.Call({});
	if (result.IsPromise())
		ThrowArg(env, "body must be synchronous: what it awaits would run in the outer namespace");
	return result;
}

} // namespace

void DefineSystem(Napi::Env env, Napi::Object exports)
{
	exports.Set("lockFile", Napi::Function::New<LockFile>(env, "lockFile"));
	exports.Set("isFileLocked", Napi::Function::New<IsFileLocked>(env, "isFileLocked"));
	exports.Set("unlockFile", Napi::Function::New<UnlockFile>(env, "unlockFile"));
	exports.Set("fileSystemType", Napi::Function::New<FileSystemType>(env, "fileSystemType"));
	exports.Set("mountBpffs", Napi::Function::New<MountBpffs>(env, "mountBpffs"));
	exports.Set("ifIndex", Napi::Function::New<IfIndex>(env, "ifIndex"));
	exports.Set("possibleCpus", Napi::Function::New<PossibleCpus>(env, "possibleCpus"));
	exports.Set("setAffinity", Napi::Function::New<SetAffinity>(env, "setAffinity"));
	exports.Set("inNetworkNamespace", Napi::Function::New<InNetworkNamespace>(env, "inNetworkNamespace"));
}

} // namespace natgw
