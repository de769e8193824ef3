// Package strictyaml reads YAML that people write, and says where a mistake is and what would
// have been right: an unknown or repeated field, a value of a wrong kind, a word that kubectl
// takes for a boolean. The decoders of YAML and JSON can't give the line of any of these.
//
// It decides form only. It must never open a file, or know what a field means.
//
//	text ──Parse, Split──▶ Document ──Decode──▶ a struct with JSON tags, or errors with file and line
package strictyaml
