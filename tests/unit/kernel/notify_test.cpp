// A listener, its supervisor, and who waits.
#include <gtest/gtest.h>

#include "unit/kernel/fixtures.h"

namespace callgate::test {
namespace {

constexpr FilterId listener = 0;

/// A model whose thread 0 waits at filter 0.
TaskModel waiting(Release release = newest, std::uint32_t flags = uapi::flag_new_listener) {
  TaskModel model = privileged(release);
  model.seccomp(0, uapi::set_mode_filter, flags, user(0x7fc00000));
  model.enter(0, call_of(39));
  return model;
}

TEST(Notify, OneReplyAfterReceiving) {
  TaskModel model = waiting();
  ASSERT_TRUE(model.thread(0).waiting);
  const std::uint64_t id = *model.thread(0).waiting;
  EXPECT_EQ(model.notify_send(listener, id, -1, 0, 0).value, -uapi::einprogress);
  EXPECT_EQ(model.notify_id_valid(listener, id).value, -uapi::enoent);
  EXPECT_EQ(model.notify_recv(listener).value, static_cast<std::int64_t>(id));
  EXPECT_EQ(model.notify_recv(listener).kind, KernelAnswer::Kind::blocks);
  EXPECT_EQ(model.notify_id_valid(listener, id).value, 0);
  EXPECT_EQ(model.notify_send(listener, id + 1, -1, 0, 0).value, -uapi::enoent);
  EXPECT_EQ(model.notify_send(listener, id, -1, 0, 2).value, -uapi::einval);
  EXPECT_EQ(model.notify_send(listener, id, -1, 0, uapi::notif_continue).value, -uapi::einval);
  EXPECT_EQ(model.notify_send(listener, id, -13, 0, 0).value, 0);
  ASSERT_TRUE(model.thread(0).reply);
  EXPECT_EQ(model.thread(0).reply->value, -13);
  EXPECT_EQ(model.thread(0).reply->reason, CallReason::supervisor);
  EXPECT_EQ(model.notify_send(listener, id, -13, 0, 0).value, -uapi::enoent);
}

TEST(Notify, ContinueFrom55) {
  TaskModel old = waiting({5, 4});
  old.notify_recv(listener);
  EXPECT_EQ(old.notify_send(listener, 1, 0, 0, uapi::notif_continue).value, -uapi::einval);
  TaskModel model = waiting({5, 5});
  model.notify_recv(listener);
  EXPECT_EQ(model.notify_send(listener, 1, 0, 0, uapi::notif_continue).value, 0);
  EXPECT_EQ(model.thread(0).reply->result, CallResult::runs);
}

TEST(Notify, AddfdByRelease) {
  struct Row {
    Release release;
    std::uint32_t flags;
    std::uint32_t new_fd;
    std::int64_t answer;
  };
  const Row rows[] = {{{5, 8}, 0, 0, -22}, {{5, 9}, 0, 0, 0},    {{5, 9}, 0, 7, -22},
                      {{5, 9}, 1, 7, 7},   {{5, 13}, 2, 0, -22}, {{5, 14}, 2, 0, 0},
                      {{5, 14}, 4, 0, -22}};
  for (const Row& row : rows) {
    TaskModel model = waiting(row.release);
    model.notify_recv(listener);
    EXPECT_EQ(model.notify_addfd(listener, 1, row.flags, row.new_fd).value, row.answer)
        << to_string(row.release) << " flags " << row.flags;
  }
}

TEST(Notify, SyncWakeUpFrom66) {
  EXPECT_EQ(waiting({6, 5}).notify_set_flags(listener, 1).value, -uapi::einval);
  EXPECT_EQ(waiting({6, 6}).notify_set_flags(listener, 1).value, 0);
  EXPECT_EQ(waiting({6, 6}).notify_set_flags(listener, 2).value, -uapi::einval);
}

TEST(Notify, SignalsInterruptUnlessReceivedUnderWaitKillable) {
  struct Row {
    std::uint32_t flags;
    bool received;
    bool ends;
  };
  const Row rows[] = {{8, false, true}, {8, true, true}, {40, false, true}, {40, true, false}};
  for (const Row& row : rows) {
    TaskModel model = waiting(newest, row.flags);
    if (row.received) model.notify_recv(listener);
    EXPECT_EQ(model.interrupt(0), row.ends) << row.flags << row.received;
    if (row.ends) {
      EXPECT_EQ(model.thread(0).reply->value, -uapi::eintr);
    }
  }
  TaskModel model = privileged();
  model.seccomp(0, uapi::set_mode_filter, uapi::flag_new_listener, user(0x7fc00000));
  model.enter(0, call_of(0xffffffff));
  model.interrupt(0);
  EXPECT_EQ(model.thread(0).reply->value, -uapi::erestartsys) << "number -1 is not restarted";
}

TEST(Notify, AClosedListenerAnswersEnosys) {
  TaskModel model = waiting();
  model.close_listener(0, listener);
  EXPECT_EQ(model.thread(0).reply->value, -uapi::enosys);
  EXPECT_EQ(model.enter(0, call_of(39)).reason, CallReason::no_listener);
  EXPECT_EQ(model.notify_recv(listener).value, -uapi::ebadf);
}

TEST(Notify, WhoDiesTakesTheNotificationAlong) {
  TaskModel model = privileged();
  const ThreadId thread = model.clone(0, CloneKind::thread);
  model.seccomp(thread, uapi::set_mode_filter, uapi::flag_new_listener | uapi::flag_log,
                user(0x7fc00000));
  model.enter(thread, call_of(39));
  model.execve(0);
  EXPECT_FALSE(model.thread(thread).alive);
  EXPECT_TRUE(model.thread(thread).reply->audit) << "the interrupted call is recorded";
  EXPECT_TRUE(model.filter(listener).notifications.empty());
}

}  // namespace
}  // namespace callgate::test
