package sandbox

import (
	"fmt"
	"os"
	"strconv"
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
	uid, _ := strconv.Atoi(os.Getenv(uidVar))
	if problems := preflight(uid); len(problems) > 0 {
		os.Setenv(problemVar, problems[0].String())
		return m.Run()
	}
	code, err := Enter(Options{UID: uid})
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
