package incluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

// The test binary plays the experiment, and the processes of the two containers:
//
//	incluster.test experiment HOW DIR
//	incluster.test wrapper HOW DIR
//	incluster.test watcher - DIR
func TestMain(m *testing.M) {
	if len(os.Args) != 4 {
		os.Exit(m.Run())
	}
	how, dir := os.Args[2], os.Args[3]
	switch os.Args[1] {
	case "experiment":
		os.Exit(experiment(how, OutPath(dir)))
	case "wrapper":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		exit(Run(ctx, options(how, dir)))
	case "watcher":
		exit(Watch(context.Background(), dir, time.Minute, os.Stderr))
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// options run the test binary as an experiment.
func options(how, dir string) Options {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Options{Dir: dir, Argv: []string{self, "experiment", how, dir}, Deadline: time.Minute, Grace: 30 * time.Second, Log: io.Discard}
}

// ready is a file by which an experiment says that it is at work.
const ready = "ready"

// experiment is one that ends in a certain way.
func experiment(how, out string) int {
	run := v1.Run{RunConditions: v1.RunConditions{Schema: v1.Schema, ID: "r", Engine: "e", Order: []string{"one", "two"}, Started: time.Now(), Finished: time.Now()}}
	dir, err := reports.Open(out, nil)
	if err != nil {
		return 2
	}
	record := dir.Into(&run)
	record(&run.RunConditions, &v1.Case{Name: "one", Outcome: v1.Pass}, &v1.Note{Text: "n"})
	switch how {
	case "pass", "lie":
		record(&v1.Case{Name: "two", Outcome: v1.Pass})
	case "fail":
		record(&v1.Case{Name: "two", Outcome: v1.Fail, Reason: "leaks"})
	}
	fmt.Println("an experiment of the kind " + how)
	terminated := make(chan os.Signal, 1)
	if how == "rude" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(terminated, syscall.SIGTERM)
	}
	_ = os.WriteFile(filepath.Join(out, ready), nil, 0o644)
	switch how {
	case "pass", "fail", "late pass":
		if how == "late pass" {
			<-terminated
			record(&v1.Case{Name: "two", Outcome: v1.Pass})
		}
		if err := dir.Conformance(&run); err != nil {
			return 2
		}
		return v1.ExitCode(run.Verdict())
	case "panic":
		panic("out of luck")
	case "broken":
		return 2
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "half":
		_ = os.WriteFile(filepath.Join(out, reports.JUnitFile), []byte("<testsuites><testsuite><testcase name=\"one\"/>"), 0o644)
		_ = os.WriteFile(filepath.Join(out, reports.SummaryFile), []byte("{}"), 0o644)
		return 0
	case "lie":
		return 0
	case "polite":
		<-terminated
		return 130
	}
	<-time.After(time.Hour) // it is killed before; with nothing to wait for Go would end it as deadlocked
	return 2
}
