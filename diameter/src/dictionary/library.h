// freeDiameter's headers, tamed: their macros leak, so only .cpp files of this folder's users include this, last. FD-12
#pragma once

#include <csignal>  // the library's headers use it without including it
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <freeDiameter/libfdproto.h>

// Short names that would collide with ours.
#undef ASSERT
#undef LOG

// Exported by libfdproto, but in no header of 1.2.1.
extern "C" int fd_dict_iterate_rules(struct dict_object* parent, void* data, int (*callback)(void*, struct dict_rule_data*));
