// The values of all connections: one table in sixteen parts, each with its lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

struct Item {
  std::string value;
  std::uint32_t flags = 0;
};

class Store {
 public:
  /// Keeps at most `limit` bytes of keys and values.
  explicit Store(std::size_t limit) : limit_(limit) {}

  std::optional<Item> get(const std::string& key) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.items.find(key);
    if (found == shard.items.end()) return std::nullopt;
    return found->second;
  }

  /// False where there is no room; the old value is then gone, as in memcached.
  bool set(const std::string& key, Item item) {
    erase(key);
    const std::size_t size = key.size() + item.value.size();
    if (bytes_.fetch_add(size) + size > limit_) {
      bytes_ -= size;
      return false;
    }
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto [place, is_new] = shard.items.try_emplace(key);
    if (!is_new) bytes_ -= key.size() + place->second.value.size();
    place->second = std::move(item);
    return true;
  }

  bool erase(const std::string& key) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.items.find(key);
    if (found == shard.items.end()) return false;
    bytes_ -= key.size() + found->second.value.size();
    shard.items.erase(found);
    return true;
  }

  std::size_t count() {
    std::size_t sum = 0;
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      sum += shard.items.size();
    }
    return sum;
  }

  std::size_t bytes() const { return bytes_; }
  std::size_t limit() const { return limit_; }

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Item> items;
  };

  Shard& shard_of(const std::string& key) {
    return shards_[std::hash<std::string>{}(key) % shards_.size()];
  }

  std::array<Shard, 16> shards_;
  std::atomic<std::size_t> bytes_ = 0;
  std::size_t limit_;
};
