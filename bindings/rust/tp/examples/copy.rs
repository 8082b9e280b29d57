//! copy - copies a file, four blocks at a time, as four tasks that await their reads and writes.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::{env, process};
use tp::{Io, Pool};

const BLOCK: u64 = 65536;

/// Copies blocks, taking the next one each time, until the file ends; tells how many bytes.
async fn copy_blocks(from: Io, to: Io, next: Arc<AtomicU64>) -> io::Result<u64> {
    let mut copied = 0;
    loop {
        let start = next.fetch_add(BLOCK, Relaxed);
        let mut done = 0;
        while done < BLOCK {
            let at = Some(start + done);
            let (read, mut block) = from.read_async(vec![0; (BLOCK - done) as usize], at).await;
            block.truncate(read?);
            if block.is_empty() {
                return Ok(copied);
            }
            while !block.is_empty() {
                let (written, mut rest) = to.write_async(block, Some(start + done)).await;
                let written = written?;
                block = rest.split_off(written);
                done += written as u64;
                copied += written as u64;
            }
        }
    }
}

/// FNV-1a of a whole file.
fn checksum(path: &str) -> io::Result<u64> {
    let (mut file, mut block, mut sum) = (File::open(path)?, [0; 65536], 0xcbf29ce484222325u64);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(sum),
            length => {
                for byte in &block[..length] {
                    sum = (sum ^ u64::from(*byte)).wrapping_mul(0x100000001b3);
                }
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = env::args().skip(1).collect();
    if paths.len() != 2 {
        eprintln!("usage: copy FROM TO");
        process::exit(1);
    }
    let pool = Pool::process()?;
    let from = pool.io(&File::open(&paths[0])?)?;
    let mut create = fs::OpenOptions::new();
    let to = pool.io(&create.write(true).create(true).truncate(true).open(&paths[1])?)?;
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.push(pool.spawn_future(copy_blocks(from.clone(), to.clone(), next.clone()))?);
    }
    let mut copied = 0;
    for task in tasks {
        copied += task.join()??;
    }
    println!("{copied} bytes");
    println!("checksum of the one   {:016x}", checksum(&paths[0])?);
    println!("checksum of the other {:016x}", checksum(&paths[1])?);
    Ok(())
}
