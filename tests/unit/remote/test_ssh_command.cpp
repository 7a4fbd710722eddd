#include <gmock/gmock.h>

#include "remote/ssh_command.h"
#include "unit/workspace/workspace_sandbox.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;

std::string parsed(std::string_view url) {
  const auto address = parse_ssh_url(url);
  if (!address) return "none";
  return address->host + "|" + address->port + "|" + address->path;
}

TEST(SshUrl, IsReadAsGitReadsIt) {
  EXPECT_EQ(parsed("ssh://host/path/x.git"), "host||/path/x.git");
  EXPECT_EQ(parsed("ssh://user@host:2222/path"), "user@host|2222|/path");
  EXPECT_EQ(parsed("git+ssh://host/~user/x"), "host||~user/x");
  EXPECT_EQ(parsed("ssh://host/%7Euser/a%20b"), "host||~user/a b");
  EXPECT_EQ(parsed("ssh://[::1]:22/x"), "::1|22|/x");
  EXPECT_EQ(parsed("ssh://user@[::1]/x"), "user@::1||/x");
  EXPECT_EQ(parsed("host:x.git"), "host||x.git");
  EXPECT_EQ(parsed("user@host:/x"), "user@host||/x");
  EXPECT_EQ(parsed("host:/~user/x"), "host||~user/x");
  EXPECT_EQ(parsed("host:~/x"), "host||~/x");
  EXPECT_EQ(parsed("[::1]:x"), "::1||x");
  EXPECT_EQ(parsed("[host:2222]:x"), "host|2222|x");
  EXPECT_EQ(parsed("user@[host:2222]:x"), "user@host|2222|x");
}

TEST(SshUrl, LeavesTheRestToOthers) {
  for (const char* url : {"https://host/x", "git://host/x", "file:///x", "/x/y", "./a:b", "../x:y",
                          "x", "ext::sh -c x", "ssh://host", "ssh:///x", "host:", ":x", ""})
    EXPECT_EQ(parsed(url), "none") << url;
}

class Command : public ::testing::Test {
 protected:
  std::vector<std::string> running(std::string_view url) {
    return SshCommand(sandbox.open(), *parse_ssh_url(url), url).running("mgit serve");
  }
  WorkspaceSandbox sandbox;
  ScopedVariable command{"GIT_SSH_COMMAND", nullptr};
  ScopedVariable program{"GIT_SSH", nullptr};
  ScopedVariable variant{"GIT_SSH_VARIANT", nullptr};
};

TEST_F(Command, IsGits) {
  EXPECT_THAT(running("ssh://user@host:22/a b"),
              ElementsAre("ssh", "-p", "22", "user@host", "mgit serve '/a b'"));
  sandbox.git({"config", "core.sshCommand", "ssh -i 'a key'"});
  EXPECT_THAT(running("host:it's"), ElementsAre("sh", "-c", "ssh -i 'a key' \"$@\"",
                                                "ssh -i 'a key'", "host", "mgit serve 'it'\\''s'"));
  ::setenv("GIT_SSH", "/opt/plink", 1);
  EXPECT_EQ(running("host:x").front(), "sh");
  sandbox.git({"config", "--unset", "core.sshCommand"});
  EXPECT_THAT(running("ssh://host:22/x"),
              ElementsAre("/opt/plink", "-P", "22", "host", "mgit serve '/x'"));
  ::setenv("GIT_SSH_VARIANT", "tortoiseplink", 1);
  EXPECT_THAT(running("ssh://host:22/x"),
              ElementsAre("/opt/plink", "-batch", "-P", "22", "host", "mgit serve '/x'"));
  ::setenv("GIT_SSH_COMMAND", "'/a b/ssh' -v", 1);
  ::unsetenv("GIT_SSH_VARIANT");
  EXPECT_THAT(running("ssh://host:22/x"),
              ElementsAre("sh", "-c", "'/a b/ssh' -v \"$@\"", "'/a b/ssh' -v", "-p", "22", "host",
                          "mgit serve '/x'"));
}

TEST_F(Command, ThatNobodyKnowsIsAsked) {
  ::setenv("GIT_SSH_COMMAND", "true", 1);  // ends well, whatever it is given
  EXPECT_EQ(running("ssh://host:22/x")[4], "-p");
  ::setenv("GIT_SSH_COMMAND", "false", 1);
  EXPECT_EQ(running("host:x").size(), 6U);
  EXPECT_THROW(running("ssh://host:22/x"), Error);
  sandbox.git({"config", "ssh.variant", "ssh"});
  EXPECT_EQ(running("ssh://host:22/x")[4], "-p");
}

TEST_F(Command, IsNotToldOptionsByAUrl) {
  EXPECT_THROW(running("ssh://-oProxyCommand=x/y"), Error);
  EXPECT_THROW(running("host:-x"), Error);
}

}  // namespace
}  // namespace mgit::testing
