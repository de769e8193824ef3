package kubelet

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/virtual-kubelet/virtual-kubelet/log"
	"k8s.io/apimachinery/pkg/runtime"
)

// noEvents drops the pod controller's events: two API writes per pod for what its status
// says already.
type noEvents struct{}

func (noEvents) Event(runtime.Object, string, string, string)          {}
func (noEvents) Eventf(runtime.Object, string, string, string, ...any) {}
func (noEvents) AnnotatedEventf(runtime.Object, map[string]string, string, string, string, ...any) {
}

// vkLog hands the pod controller's warnings and errors to slog and drops the rest, which is
// several lines per pod and change.
type vkLog struct {
	log    *slog.Logger
	fields *logField
}

// logField is a list that grows at its head, since the controller derives loggers all the
// time and seldom uses them.
type logField struct {
	key   string
	value any
	next  *logField
}

func (l vkLog) write(level slog.Level, msg string) {
	var args []any
	for f := l.fields; f != nil; f = f.next {
		args = append(args, f.key, f.value)
	}
	l.log.Log(context.Background(), level, msg, args...)
}

func (vkLog) Debug(...any)          {}
func (vkLog) Debugf(string, ...any) {}
func (vkLog) Info(...any)           {}
func (vkLog) Infof(string, ...any)  {}

func (l vkLog) Warn(a ...any)             { l.write(slog.LevelDebug, fmt.Sprint(a...)) }
func (l vkLog) Warnf(f string, a ...any)  { l.write(slog.LevelDebug, fmt.Sprintf(f, a...)) }
func (l vkLog) Error(a ...any)            { l.error(fmt.Sprint(a...)) }
func (l vkLog) Errorf(f string, a ...any) { l.write(slog.LevelWarn, fmt.Sprintf(f, a...)) }
func (l vkLog) Fatal(a ...any)            { l.write(slog.LevelError, fmt.Sprint(a...)) }
func (l vkLog) Fatalf(f string, a ...any) { l.write(slog.LevelError, fmt.Sprintf(f, a...)) }

func (l vkLog) error(msg string) {
	// The controller says so when a grace period is over. It is not so: podClient.Delete
	// waits for the pod's end.
	if msg != "Force deleting pod in running state" {
		l.write(slog.LevelWarn, msg)
	}
}

func (l vkLog) WithField(key string, value any) log.Logger {
	return vkLog{l.log, &logField{key, value, l.fields}}
}

func (l vkLog) WithFields(all log.Fields) log.Logger {
	var out log.Logger = l
	for key, value := range all {
		out = out.WithField(key, value)
	}
	return out
}

func (l vkLog) WithError(err error) log.Logger { return l.WithField("err", err) }
