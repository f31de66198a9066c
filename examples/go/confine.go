// go run confine.go
package main

// #cgo LDFLAGS: -lcallgate
// #include <callgate.h>
import "C"
import (
	"fmt"
	"os"
)

func main() {
	var why *C.callgate_error
	if C.callgate_confine(C.CString("stdio"), nil, &why) != 0 {
		panic(C.GoString(C.callgate_error_text(why)))
	}
	_, err := os.Open("/etc/passwd")
	fmt.Println(err)
}
