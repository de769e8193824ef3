//go:build linux

package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// uidVar makes TestMain enter as that unprivileged user when it is run by root.
const uidVar = "NETASSAY_TEST_UID"

// problemVar tells the tests why they run outside of a sandbox.
const problemVar = "NETASSAY_SANDBOX_PROBLEM"

// TestMain runs a whole test binary inside a sandbox, or outside when there is a problem;
// then the tests that call Require say so. With NETASSAY_TEST_UID=1000 root runs it in
// rootless mode. It does not return.
func TestMain(m *testing.M) {
	InitIfAsked()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	if Inside() {
		return m.Run()
	}
	if uid, err := strconv.Atoi(os.Getenv(uidVar)); err == nil && uid > 0 && os.Geteuid() == 0 {
		return orFail(runAs(uint32(uid)))
	}
	if problems := Preflight(); len(problems) > 0 {
		os.Setenv(problemVar, problems[0].String())
		return m.Run()
	}
	return orFail(Enter(Options{}))
}

// runAs runs this test binary as an unprivileged user and in the group of that number.
func runAs(id uint32) (code int, err error) {
	runtime.LockOSThread() // as in Enter
	defer runtime.UnlockOSThread()
	cmd := exec.Command(self)
	cmd.Args, cmd.Env = os.Args, environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: id, Gid: id}, Pdeathsig: syscall.SIGKILL,
	}
	return exitCodeOf(cmd.Run())
}

func orFail(code int, err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Require ends a test that needs a sandbox and is not inside: it fails when CI=true and is
// skipped otherwise, with the cure.
func Require(t testing.TB) {
	t.Helper()
	if Inside() {
		return
	}
	why := os.Getenv(problemVar)
	if why == "" {
		why = "the package's TestMain must call sandbox.TestMain"
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("not inside a sandbox: %s", why)
	}
	t.Skipf("not inside a sandbox: %s", why)
}
