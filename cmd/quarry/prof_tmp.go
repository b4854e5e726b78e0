package main

import (
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

func init() {
	if d := os.Getenv("QPROF"); d != "" && len(os.Args) > 2 && os.Args[2] == "run" {
		go func() {
			time.Sleep(6 * time.Second)
			f, _ := os.Create(fmt.Sprintf("%s/%d.prof", d, os.Getpid()))
			pprof.StartCPUProfile(f)
			time.Sleep(5 * time.Second)
			pprof.StopCPUProfile()
			f.Close()
		}()
	}
}
