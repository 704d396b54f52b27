package main

import "runtime/debug"

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

// versionText returns the version that the build has set or, after a plain go build, what the toolchain has recorded: a
// version of the module or a revision.
func versionText() string {
	if version != "dev" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	text := version
	if revision := set["vcs.revision"]; revision != "" {
		text += "-" + revision[:min(12, len(revision))]
	}
	if set["vcs.modified"] == "true" {
		text += "-modified"
	}
	return text
}
