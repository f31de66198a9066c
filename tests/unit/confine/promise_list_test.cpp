#include "callgate/confine/promise_list.h"

#include <gtest/gtest.h>

#include "callgate/formats/promises.h"

namespace callgate {
namespace {

TEST(PromiseList, KnowsTheNamesThatThereAre) {
  EXPECT_TRUE(std::ranges::equal(promise_names, promises(), {}, {},
                                 [](const Promise& promise) { return promise.name; }));
}

TEST(PromiseList, TakesBlanksAndCommas) {
  constexpr PromiseList list = " stdio,inet\tdns\n, rpath ";
  EXPECT_TRUE(promised_policy(list.text()));
  EXPECT_EQ(PromiseList::named("anything").text(), "anything");
}

}  // namespace
}  // namespace callgate
