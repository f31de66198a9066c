// rustc confine.rs
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};

#[link(name = "callgate")]
extern "C" {
    fn callgate_confine(promises: *const c_char, options: *const c_void, why: *mut *mut c_void) -> c_int;
    fn callgate_error_text(why: *const c_void) -> *const c_char;
}

fn main() {
    let mut why = std::ptr::null_mut();
    if unsafe { callgate_confine("stdio\0".as_ptr().cast(), std::ptr::null(), &mut why) } != 0 {
        panic!("{}", unsafe { CStr::from_ptr(callgate_error_text(why)) }.to_string_lossy());
    }
    println!("/etc/passwd: {}", std::fs::File::open("/etc/passwd").unwrap_err());
}
