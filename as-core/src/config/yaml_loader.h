// YAML text to ConfigNode. The only place that sees the YAML library. SPF-E31
// Limits: 1 MiB of text, depth 32, 32 aliases, 100 000 nodes, one document, UTF-8.
// Thread: any.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "herald/config.h"
#include "herald/expected.h"

namespace herald {

// Nothing when the text is no YAML, breaks a limit or has a key twice; `issues` then says where. `name` stands for the file.
[[nodiscard]] std::optional<ConfigNode> parse_yaml(std::string_view text, const std::string& name, ConfigIssues& issues);

[[nodiscard]] std::optional<ConfigNode> load_yaml(const std::filesystem::path& path, ConfigIssues& issues);

// A regular file of at most `limit` bytes.
Expected<std::string> read_text_file(const std::filesystem::path& path, std::size_t limit);

}  // namespace herald
