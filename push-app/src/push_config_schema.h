// The schema of modules.push.config: it parses, validates, documents.
#pragma once

#include "herald/config_schema.h"
#include "push_config.h"

namespace herald::push {

[[nodiscard]] const ConfigSchema<PushConfig>& push_schema();

}  // namespace herald::push
