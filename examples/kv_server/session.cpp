#include "session.h"

#include <charconv>
#include <sstream>

#ifdef EXAMPLE_INTRUDER
#include "intruder.h"
#endif

namespace {

constexpr std::size_t longest_line = 8192;
constexpr std::size_t longest_key = 250;
constexpr std::size_t largest_value = 1024 * 1024;

template <class Number>
bool parse(const std::string& word, Number& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

}  // namespace

bool Session::feed(std::string_view bytes, std::string& out) {
  input_.append(bytes);
  for (;;) {
    if (in_data_) {
      if (input_.size() < wanted_ + 2) return true;
      if (!end_set(out)) return false;
      continue;
    }
    const std::size_t end = input_.find('\n');
    if (end == std::string::npos) {
      if (input_.size() <= longest_line) return true;
      out += "CLIENT_ERROR line too long\r\n";
      return false;
    }
    std::string text = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (!text.empty() && text.back() == '\r') text.pop_back();
    if (!line(text, out)) return false;
  }
}

bool Session::line(const std::string& text, std::string& out) {
#ifdef EXAMPLE_INTRUDER
  if (text.starts_with("intruder ")) {
    std::string order = text.substr(9);
    char answer[64];
    intruder::obey(order.data(), answer, sizeof answer);
    out += std::string(answer) + "\r\n";
    return true;
  }
#endif
  std::istringstream stream(text);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  const std::string command = words.empty() ? "" : words[0];
  if (command == "get" && words.size() > 1) {
    get(words, out);
  } else if (command == "set" && (words.size() == 5 || words.size() == 6)) {
    return begin_set(words, out);
  } else if (command == "delete" && (words.size() == 2 || words.size() == 3)) {
    remove(words, out);
  } else if (command == "stats" && words.size() == 1) {
    stats(out);
  } else if (command == "version") {
    out += "VERSION callgate-example\r\n";
  } else if (command == "quit") {
    return false;
  } else {
    out += "ERROR\r\n";
  }
  return true;
}

void Session::get(const Words& words, std::string& out) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::optional<Item> item = store_->get(words[i]);
    if (!item) continue;
    out += "VALUE " + words[i] + " " + std::to_string(item->flags) + " " +
           std::to_string(item->value.size()) + "\r\n" + item->value + "\r\n";
  }
  out += "END\r\n";
}

// set KEY FLAGS EXPIRY BYTES [noreply], then BYTES bytes and a line end.
bool Session::begin_set(const Words& words, std::string& out) {
  long expiry = 0;
  item_ = {};
  key_ = words[1];
  reply_ = words.size() < 6 || words[5] != "noreply";
  const bool good = key_.size() <= longest_key && parse(words[2], item_.flags) &&
                    parse(words[3], expiry) && parse(words[4], wanted_);
  if (!good || wanted_ > largest_value) {
    // Where the data ends is not known, or it is too much to be passed over.
    out += good ? "SERVER_ERROR object too large for cache\r\n"
                : "CLIENT_ERROR bad command line format\r\n";
    return false;
  }
  in_data_ = true;
  return true;
}

bool Session::end_set(std::string& out) {
  in_data_ = false;
  if (input_.compare(wanted_, 2, "\r\n") != 0) {
    out += "CLIENT_ERROR bad data chunk\r\n";
    return false;
  }
  item_.value = input_.substr(0, wanted_);
  input_.erase(0, wanted_ + 2);
  const bool stored = store_->set(key_, std::move(item_));
  if (reply_) out += stored ? "STORED\r\n" : "SERVER_ERROR out of memory storing object\r\n";
  return true;
}

void Session::remove(const Words& words, std::string& out) {
  const bool deleted = store_->erase(words[1]);
  if (words.size() == 3 && words[2] == "noreply") return;
  out += deleted ? "DELETED\r\n" : "NOT_FOUND\r\n";
}

void Session::stats(std::string& out) {
  const auto stat = [&](const char* name, std::size_t value) {
    out += "STAT " + std::string(name) + " " + std::to_string(value) + "\r\n";
  };
  stat("curr_items", store_->count());
  stat("bytes", store_->bytes());
  stat("limit_maxbytes", store_->limit());
  out += "END\r\n";
}
