// What one client says and is answered: a part of memcached's text protocol
// (https://github.com/memcached/memcached/blob/master/doc/protocol.txt): get, set, delete, stats,
// version, quit. Expiry times are read and ignored.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store.h"

class Session {
 public:
  explicit Session(Store& store) : store_(&store) {}

  /// Takes bytes as they come and appends the answers to `out`. False: the connection is to be
  /// closed once they are sent.
  bool feed(std::string_view bytes, std::string& out);

 private:
  using Words = std::vector<std::string>;

  bool line(const std::string& text, std::string& out);
  void get(const Words& words, std::string& out);
  bool begin_set(const Words& words, std::string& out);
  bool end_set(std::string& out);
  void remove(const Words& words, std::string& out);
  void stats(std::string& out);

  Store* store_;
  std::string input_;
  // While the data block of a `set` is awaited:
  bool in_data_ = false;
  std::string key_;
  Item item_;
  std::size_t wanted_ = 0;
  bool reply_ = true;
};
