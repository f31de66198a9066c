// {"accepted": [{"id", "subject", "path", "reason"}]}
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <array>

#include "callgate/findings/acceptance.h"
#include "formats/json_tree.h"

namespace callgate {
namespace {

class BaselineReader {
 public:
  BaselineReader(std::string_view json, const std::string& file)
      : reporter_(json, file), tree_(json::read(json, reporter_)) {}

  Result<Acceptances> run() {
    if (!reporter_.failed()) root();
    if (reporter_.failed()) return fail(Error(reporter_.take()));
    return std::move(out_);
  }

 private:
  void wrong(const json::Node& node, std::string message) {
    reporter_.add(Severity::error, node.offset, node.length, std::move(message),
                  "a baseline is {\"accepted\": [{\"id\", \"subject\", \"path\", \"reason\"}]}");
  }

  void root() {
    const json::Node& whole = tree_[0];
    const auto members =
        whole.kind == json::Kind::object ? tree_.children(0) : std::vector<json::Index>{};
    if (members.size() != 1 || tree_.key(tree_[members[0]]) != "accepted" ||
        tree_[members[0]].kind != json::Kind::array)
      return wrong(whole, "expected an object whose one member, `accepted`, is a list");
    for (const json::Index index : tree_.children(members[0])) entry(index);
  }

  void entry(json::Index index) {
    const json::Node& node = tree_[index];
    if (node.kind != json::Kind::object) return wrong(node, "expected an object");
    Acceptance one{.place = reporter_.place(node.offset)};
    const std::array<std::pair<std::string_view, std::string*>, 4> known = {
        {{"id", &one.id}, {"subject", &one.subject}, {"path", &one.path}, {"reason", &one.reason}}};
    for (const json::Index member : tree_.children(index)) {
      const json::Node& value = tree_[member];
      bool is_known = false;
      for (const auto& [key, text] : known)
        if (tree_.key(value) == key && value.kind == json::Kind::string) {
          *text = tree_.text(value);
          is_known = true;
        }
      if (!is_known) wrong(value, "no member of an entry is this");
    }
    if (one.id.empty() || one.subject.empty())
      return wrong(node, "an entry needs `id` and `subject`");
    if (find_finding_kind(one.id) == nullptr || one.reason.empty())
      out_.invalid.push_back({.id = "acceptance-invalid",
                              .severity = Severity::warning,
                              .message = one.reason.empty()
                                             ? "`" + one.id + "` is accepted without a reason"
                                             : "no finding has the id `" + one.id + "`",
                              .subject = one.id + " " + one.subject,
                              .place = one.place,
                              .fix = "say in `reason` why it may stand"});
    else
      out_.list.push_back(std::move(one));
  }

  json::Reporter reporter_;
  json::Tree tree_;
  Acceptances out_;
};

}  // namespace

Result<Acceptances> read_baseline(std::string_view json, const std::string& file) {
  return BaselineReader(json, file).run();
}

std::string write_baseline(std::span<const BaselineSource> sources, std::string_view reason) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  const auto member = [&](const char* key, std::string_view text) {
    writer.Key(key);
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  };
  writer.StartObject();
  writer.Key("accepted");
  writer.StartArray();
  for (const BaselineSource& source : sources)
    for (const Finding& finding : source.findings) {
      if (!is_acceptable(finding)) continue;
      writer.StartObject();
      member("id", finding.id);
      member("subject", finding.subject);
      member("path", source.path);
      member("reason", finding.accepted ? std::string_view(*finding.accepted) : reason);
      writer.EndObject();
    }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace callgate
