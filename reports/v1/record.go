package v1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// RecordVersion is that of records: of their envelope and of what they hold.
const RecordVersion = 1

// RecordKind tells what a record holds.
type RecordKind string

// The kinds of records. A stream begins with the conditions of its run, which name the
// experiment, and ends with the verdict: one without was killed. Conditions come again when
// more of them is known; the last ones count.
const (
	KindConformance RecordKind = "conformance-run" // RunConditions
	KindCheck       RecordKind = "aks-check-run"   // CheckConditions
	KindChaos       RecordKind = "chaos-run"       // ChaosConditions
	KindScale       RecordKind = "scale-run"       // ScaleConditions
	KindFuzz        RecordKind = "fuzz-run"        // FuzzConditions
	KindMigration   RecordKind = "migration-run"   // MigrationConditions
	KindAudit       RecordKind = "audit-run"       // AuditConditions
	KindNight       RecordKind = "night"           // NightConditions, of a history's files

	KindCase     RecordKind = "case"      // Case, its steps without cells
	KindCell     RecordKind = "cell"      // Cell, after its case
	KindStep     RecordKind = "step"      // CheckStep
	KindEngine   RecordKind = "engine"    // Engine, before its first turn
	KindTurn     RecordKind = "turn"      // Turn, when it is over
	KindSample   RecordKind = "sample"    // Sample
	KindReading  RecordKind = "reading"   // Reading
	KindPoint    RecordKind = "point"     // Point
	KindVoid     RecordKind = "void"      // Void: samples that came before and don't count
	KindPhase    RecordKind = "phase"     // Phase, when it is over
	KindFault    RecordKind = "fault"     // Fault, when it is done
	KindFinding  RecordKind = "finding"   // Finding
	KindSentinel RecordKind = "sentinel"  // Sentinel, its findings before it
	KindBackend  RecordKind = "backend"   // Backend, when it is over
	KindPlayed   RecordKind = "played"    // PlayedCase, when it is over
	KindFound    RecordKind = "found"     // FoundCase, when it is as small as it gets
	KindNightRun RecordKind = "night-run" // NightRun
	KindMetric   RecordKind = "metric"    // Metric
	KindWatch    RecordKind = "watch"     // Watch, before the first exposure
	KindExposure RecordKind = "exposure"  // Exposure
	KindLeftover RecordKind = "leftover"  // Leftover
	KindWatched  RecordKind = "watched"   // Watched, when it is over
	KindFlow     RecordKind = "flow"      // AuditFlow
	KindStratum  RecordKind = "stratum"   // AuditStratum, when all is judged
	KindGap      RecordKind = "gap"       // AuditGap
	KindNote     RecordKind = "note"      // Note
	KindVerdict  RecordKind = "verdict"   // Conclusion, the last
)

// Record is what one line of records.jsonl holds. Its type decides the kind.
type Record interface{ recordKind() RecordKind }

// KindOf is the kind of a record.
func KindOf(r Record) RecordKind { return r.recordKind() }

// Note is a trouble that belongs to nothing else and makes nothing void, in one line.
type Note struct {
	Text string `json:"text"`
}

// Conclusion ends a run: its verdict and, where figures alone decide, why.
type Conclusion struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons,omitempty"`
}

func (*RunConditions) recordKind() RecordKind       { return KindConformance }
func (*CheckConditions) recordKind() RecordKind     { return KindCheck }
func (*ChaosConditions) recordKind() RecordKind     { return KindChaos }
func (*ScaleConditions) recordKind() RecordKind     { return KindScale }
func (*FuzzConditions) recordKind() RecordKind      { return KindFuzz }
func (*MigrationConditions) recordKind() RecordKind { return KindMigration }
func (*AuditConditions) recordKind() RecordKind     { return KindAudit }
func (*AuditFlow) recordKind() RecordKind           { return KindFlow }
func (*AuditStratum) recordKind() RecordKind        { return KindStratum }
func (*AuditGap) recordKind() RecordKind            { return KindGap }
func (*Watch) recordKind() RecordKind               { return KindWatch }
func (*Exposure) recordKind() RecordKind            { return KindExposure }
func (*Leftover) recordKind() RecordKind            { return KindLeftover }
func (*Watched) recordKind() RecordKind             { return KindWatched }
func (*PlayedCase) recordKind() RecordKind          { return KindPlayed }
func (*FoundCase) recordKind() RecordKind           { return KindFound }
func (*Cell) recordKind() RecordKind                { return KindCell }
func (*Case) recordKind() RecordKind                { return KindCase }
func (*CheckStep) recordKind() RecordKind           { return KindStep }
func (*Engine) recordKind() RecordKind              { return KindEngine }
func (*Turn) recordKind() RecordKind                { return KindTurn }
func (*Sample) recordKind() RecordKind              { return KindSample }
func (*Reading) recordKind() RecordKind             { return KindReading }
func (*Point) recordKind() RecordKind               { return KindPoint }
func (*Void) recordKind() RecordKind                { return KindVoid }
func (*Phase) recordKind() RecordKind               { return KindPhase }
func (*Fault) recordKind() RecordKind               { return KindFault }
func (*Finding) recordKind() RecordKind             { return KindFinding }
func (*Sentinel) recordKind() RecordKind            { return KindSentinel }
func (*Backend) recordKind() RecordKind             { return KindBackend }
func (*NightConditions) recordKind() RecordKind     { return KindNight }
func (*NightRun) recordKind() RecordKind            { return KindNightRun }
func (*Metric) recordKind() RecordKind              { return KindMetric }
func (*Note) recordKind() RecordKind                { return KindNote }
func (*Conclusion) recordKind() RecordKind          { return KindVerdict }

// Experiment is the name of the experiment whose conditions records of this kind hold; "" for
// kinds that hold something else.
func (k RecordKind) Experiment() string {
	switch k {
	case KindConformance, KindCheck, KindChaos, KindScale, KindFuzz, KindMigration, KindAudit:
		return strings.TrimSuffix(string(k), "-run")
	default:
		return ""
	}
}

// Blanks are an empty record of each kind.
func Blanks() []Record {
	return []Record{
		&RunConditions{}, &CheckConditions{}, &ChaosConditions{}, &ScaleConditions{}, &Cell{}, &Case{}, &CheckStep{}, &Engine{}, &Turn{}, &Sample{},
		&Reading{}, &Point{}, &Void{}, &Phase{}, &Fault{}, &Finding{}, &Sentinel{}, &Backend{}, &Note{}, &Conclusion{},
		&FuzzConditions{}, &PlayedCase{}, &FoundCase{}, &NightConditions{}, &NightRun{}, &Metric{},
		&MigrationConditions{}, &Watch{}, &Exposure{}, &Leftover{}, &Watched{},
		&AuditConditions{}, &AuditFlow{}, &AuditStratum{}, &AuditGap{},
	}
}

// blank is an empty record of a kind, nil for one that this version doesn't know.
func blank(kind RecordKind) Record {
	for _, r := range Blanks() {
		if r.recordKind() == kind {
			return r
		}
	}
	return nil
}

// envelope is what a line looks like: version and kind first, for eyes and for grep.
type envelope[T any] struct {
	Version int        `json:"v"`
	Kind    RecordKind `json:"kind"`
	Data    T          `json:"data"`
}

// EncodeRecord is the record as one line, its end included.
func EncodeRecord(r Record) ([]byte, error) {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(envelope[Record]{RecordVersion, r.recordKind(), r}); err != nil {
		return nil, fmt.Errorf("encode %s record: %w", r.recordKind(), err)
	}
	return line.Bytes(), nil
}

// DecodeRecord reads one line. It refuses what it doesn't know: a field that is ignored is
// compared wrongly.
func DecodeRecord(line []byte) (Record, error) {
	var e envelope[json.RawMessage]
	if err := Strictly(line, &e); err != nil {
		return nil, Damaged(err)
	}
	if e.Version != RecordVersion {
		return nil, fmt.Errorf("v is %d, this program reads %d: use the netassay that wrote it", e.Version, RecordVersion)
	}
	r := blank(e.Kind)
	if r == nil {
		return nil, fmt.Errorf("kind is %q, which this program does not know: use the netassay that wrote it", e.Kind)
	}
	if err := Strictly(e.Data, r); err != nil {
		return nil, Damaged(fmt.Errorf("data of %s: %w", e.Kind, err))
	}
	return r, nil
}

// Damaged is the error of a line that can't be read, with its cure.
func Damaged(err error) error {
	if strings.Contains(err.Error(), "unknown field") {
		return fmt.Errorf("%w: the file is of a newer netassay, read it with that one, or was edited", err)
	}
	return fmt.Errorf("%w: the file was cut off or edited, take the whole one", err)
}

// Strictly decodes one JSON value and refuses fields that it doesn't know.
func Strictly(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the first value")
	}
	return nil
}
