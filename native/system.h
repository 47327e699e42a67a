// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace natgw
{

void DefineSystem(Napi::Env env, Napi::Object exports);
void DefineService(Napi::Env env, Napi::Object exports);

} // namespace natgw
