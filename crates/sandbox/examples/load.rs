//! How many small requests a sandbox answers in a second: `cargo run --release -p kms-insights-sandbox --example load [CONNECTIONS]`.

use std::time::{Duration, Instant};

use kms_insights_sandbox::{Behaviour, KeyCount, Organization, OrganizationShape, Sandbox};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const OPERATIONS: [&str; 6] = ["DescribeKey", "GetKeyPolicy", "ListGrants", "ListResourceTags", "GetKeyRotationStatus", "GetKeyLastUsage"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = std::env::args().nth(1).map_or(Ok(32), |text| text.parse::<usize>())?;
    let organization = Organization::generate(OrganizationShape { accounts: 1, keys: KeyCount::Fixed(500), ..OrganizationShape::default() });
    let region = "us-east-1".parse()?;
    let keys: Vec<String> = organization.keys(organization.management(), &region).map(|key| key.id().to_owned()).collect();
    let sandbox = Sandbox::start(organization, Behaviour::default(), "127.0.0.1:0").await?;
    let (start, end) = (Instant::now(), Duration::from_secs(5));
    let mut clients = Vec::new();
    for connection in 0..connections {
        let (address, keys) = (sandbox.endpoint().replace("http://", ""), keys.clone());
        clients.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            let mut buffer = vec![0; 65_536];
            let mut turn = connection;
            while start.elapsed() < end {
                turn += 1;
                let body = format!("{{\"KeyId\":\"{}\"}}", keys[turn % keys.len()]);
                let request = format!(
                    "POST / HTTP/1.1\r\nhost: sandbox\r\nauthorization: AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/kms/aws4_request\r\n\
                     x-amz-target: TrentService.{}\r\ncontent-length: {}\r\n\r\n{body}",
                    OPERATIONS[turn % OPERATIONS.len()],
                    body.len()
                );
                stream.write_all(request.as_bytes()).await?;
                let mut filled = 0;
                loop {
                    filled += stream.read(&mut buffer[filled..]).await?;
                    if whole(&buffer[..filled]) {
                        break;
                    }
                }
            }
            Ok::<_, std::io::Error>(())
        }));
    }
    for client in clients {
        client.await??;
    }
    let total = sandbox.requests().total;
    println!("{total} requests over {connections} connections in {:?}: {} a second, client and server together", start.elapsed(), total / 5);
    sandbox.shutdown().await;
    Ok(())
}

/// Whether an answer has arrived to its end.
fn whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let length = String::from_utf8_lossy(&answer[..head]).lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    answer.len() >= head + 4 + length.unwrap_or(0)
}
