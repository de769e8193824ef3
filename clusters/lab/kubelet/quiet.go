package kubelet

import (
	"fmt"
	"log/slog"

	"github.com/virtual-kubelet/virtual-kubelet/log"
)

// vkLog hands the pod controller's warnings and errors to slog and drops the rest, which is
// several lines per pod and change.
type vkLog struct{ log *slog.Logger }

func (vkLog) Debug(...any)          {}
func (vkLog) Debugf(string, ...any) {}
func (vkLog) Info(...any)           {}
func (vkLog) Infof(string, ...any)  {}

func (l vkLog) Warn(a ...any)             { l.log.Debug(fmt.Sprint(a...)) }
func (l vkLog) Warnf(f string, a ...any)  { l.log.Debug(fmt.Sprintf(f, a...)) }
func (l vkLog) Errorf(f string, a ...any) { l.log.Warn(fmt.Sprintf(f, a...)) }
func (l vkLog) Fatal(a ...any)            { l.log.Error(fmt.Sprint(a...)) }
func (l vkLog) Fatalf(f string, a ...any) { l.log.Error(fmt.Sprintf(f, a...)) }

func (l vkLog) Error(a ...any) {
	// The controller says so when a grace period is over. It is not so: podClient.Delete
	// waits for the pod's end.
	if msg := fmt.Sprint(a...); msg != "Force deleting pod in running state" {
		l.log.Warn(msg)
	}
}

func (l vkLog) WithField(key string, value any) log.Logger { return vkLog{l.log.With(key, value)} }
func (l vkLog) WithError(err error) log.Logger             { return l.WithField("err", err) }

func (l vkLog) WithFields(all log.Fields) log.Logger {
	for key, value := range all {
		l.log = l.log.With(key, value)
	}
	return l
}
