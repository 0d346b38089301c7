#include "config/yaml_loader.h"

#include <doctest/doctest.h>
#include <filesystem>

using namespace herald;

namespace {
std::string first_issue(std::string_view text) {
  ConfigIssues issues;
  const auto node = parse_yaml(text, "f", issues);
  CHECK(node.has_value() == issues.ok());
  return issues.all().empty() ? "" : issues.all().front().line();
}
}  // namespace

TEST_CASE("YAML becomes a tree with the place of every key and value") {
  ConfigIssues issues;
  const auto node = parse_yaml("\xef\xbb\xbf# c\na:\n  - 1\n  - \"2\"\nb: {c: &x [y, ~]}\nd: *x\ne:\nf: ''\n", "f", issues);
  REQUIRE(node);
  CHECK(node->kind == ConfigNode::Kind::map);
  CHECK(node->mark.line == 2);
  const auto* a = node->find("a");
  REQUIRE(a != nullptr);
  REQUIRE(a->items.size() == 2);
  CHECK(a->items[0].scalar == "1");
  CHECK_FALSE(a->items[0].quoted);
  CHECK(a->items[1].quoted);
  CHECK(a->items[1].mark.line == 4);
  CHECK(a->items[1].mark.column == 5);
  CHECK(node->find("d")->items.size() == 2);
  CHECK(node->find("d")->items[1].kind == ConfigNode::Kind::null);
  CHECK(node->find("e")->kind == ConfigNode::Kind::null);
  CHECK(node->find("e")->mark.line == 7);
  CHECK(node->find("f")->kind == ConfigNode::Kind::scalar);
  CHECK(node->find("g") == nullptr);
}

TEST_CASE("text that is not acceptable YAML is refused with its place. SPF-E31") {
  CHECK(first_issue("a: 1\nb: 2\na: 3\n") == "f:3:1: key \"a\" appears twice, first in line 1");
  CHECK(first_issue("a: [1, 2\n").starts_with("f:2:1: is not YAML: "));
  CHECK(first_issue("a: 'x\n") == "f:1:4: the quote is never closed");
  CHECK(first_issue("\xc3\xa4: 1\na: \"x\nb: 2\nc: 3\n") == "f:2:4: the quote is never closed");
  CHECK(first_issue("a: 'it''s'") == "");
  CHECK(first_issue("a: \"\\\"\"") == "");
  CHECK(first_issue("a: {b: &x ''}") == "");
  CHECK(first_issue("a: b: c\n").starts_with("f:1:5: is not YAML: "));
  CHECK(first_issue("a: *nobody\n").starts_with("f:1:4: is not YAML: "));
  CHECK(first_issue("a:\n\t- b\n").find("is not YAML") != std::string::npos);
  CHECK(first_issue("? [a]\n: b\n") == "f:1:3: a key must be plain text");
  CHECK(first_issue("a: !!binary x\n") == "f:1:4: tags are not used here");
  CHECK(first_issue("a: &x [*x]\n") == "f:1:8: an alias may not stand inside its own anchor");
  CHECK(first_issue("a: 1\n---\nb: 2\n") == "f: holds more than one YAML document");
  CHECK(first_issue("a: \xff\n") == "f:1:4: is not UTF-8 text");
  CHECK(first_issue("a: b\nc: \xc0\xaf\n") == "f:2:4: is not UTF-8 text");
  CHECK(first_issue(std::string_view("a: \0b", 5)) == "f:1:4: is not UTF-8 text");
  CHECK(first_issue("a: \xed\xa0\x80\n") == "f:1:4: is not UTF-8 text");
  CHECK(first_issue(std::string(1024 * 1024 + 1, ' ')) == "f: is over 1 MiB");
  CHECK(first_issue("- " + std::string(40, '[') + std::string(40, ']')) == "f:1:34: nested deeper than 32 levels");
  CHECK(first_issue(std::string(20000, '[')) != "");
  CHECK(first_issue(std::string(20000, '{')) != "");
  std::string dashes;
  for (int i = 0; i < 20000; ++i) dashes += "- ";
  CHECK(first_issue(dashes) == "f:1:65: nested deeper than 32 levels");
}

TEST_CASE("aliases cannot blow a small file up") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 0; k < 9; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  CHECK(first_issue(bomb).find("more than 32 aliases") != std::string::npos);
  std::string wide = "a: &a [" + std::string("x, ") + "x]\nb: [*a";
  for (int i = 0; i < 32; ++i) wide += ", *a";
  CHECK(first_issue(wide + "]\n").find("more than 32 aliases") != std::string::npos);
  std::string large = "a: &a [x";
  for (int i = 0; i < 40000; ++i) large += ",x";
  CHECK(first_issue(large + "]\nb: *a\nc: *a\n") == "f:3:4: more than 100000 values");
}

TEST_CASE("a file that cannot be read is an issue") {
  ConfigIssues issues;
  CHECK_FALSE(load_yaml("/no/such/file.yaml", issues));
  CHECK_FALSE(load_yaml("/tmp", issues));
  CHECK_FALSE(load_yaml("/dev/zero", issues));
  REQUIRE(issues.all().size() == 3);
  CHECK(issues.all()[0].line() == "/no/such/file.yaml: no such file");
  CHECK(issues.all()[1].line() == "/tmp: not a regular file");
}
