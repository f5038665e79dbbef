//! `<Connect><Stream>`: the rules for its attributes, then Media Streams over a real WebSocket.

use super::{fields, life::Line, media::Media, twiml::Stream};
use crate::{DeliveryKind, net, sign};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{client::IntoClientRequest as _, http::HeaderValue},
};
use url::{Position, Url};

type Error = (u32, &'static str);
pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Runs a stream to its end. True: the verbs after `</Connect>` are executed, which Twilio does only
/// if the *server* closed the socket.
pub(crate) async fn run(line: &Line, stream: &Stream) -> bool {
    let socket = match connect(line, stream).await {
        Ok(socket) => socket,
        Err(error) => {
            fail(line, stream, error).await;
            return false;
        }
    };
    report(line, stream, "stream-started", None).await;
    let end = Media::new(line, stream, socket).run().await;
    if end.error {
        fail(line, stream, (31921, "Stream - WebSocket - Close Error")).await;
    } else {
        report(line, stream, "stream-stopped", None).await;
    }
    end.by_server
}

async fn fail(line: &Line, stream: &Stream, (code, title): Error) {
    line.call.notify(code, title, &stream.url);
    let error = format!("{code} {title}");
    report(line, stream, "stream-error", Some(&error)).await;
}

async fn report(line: &Line, stream: &Stream, event: &str, error: Option<&str>) {
    if let Some(target) = &stream.status {
        let config = line.fakes.config();
        let fields = fields::stream(config, &line.call, stream.name.as_deref(), event, error);
        line.callbacks.send(&line.call, DeliveryKind::Stream, target, fields).await;
    }
}

async fn connect(line: &Line, stream: &Stream) -> Result<Socket, Error> {
    let url = check(stream)?;
    let connecting = async {
        let tcp =
            net::connect(&url).await.ok_or((31902, "Stream - WebSocket - Connection Refused"))?;
        let handshake = (31920, "Stream - WebSocket - Handshake Error");
        // TLS is the one thing left off, so the same host and path are asked over plain ws.
        let plain = format!("ws://{}{}", url.authority(), &url[Position::BeforePath..]);
        let mut request = plain.into_client_request().map_err(|_| handshake)?;
        let signature = sign::<&str, &str>(&line.fakes.config().auth_token, url.as_str(), &[]);
        if let Ok(signature) = HeaderValue::from_str(&signature) {
            request.headers_mut().insert("X-Twilio-Signature", signature);
        }
        let (socket, _) = client_async(request, tcp).await.map_err(|_| handshake)?;
        Ok(socket)
    };
    tokio::time::timeout(line.pace().patience(), connecting)
        .await
        .unwrap_or(Err((31901, "Stream - WebSocket - Connection Timeout")))
}

/// The address that is connected to: without its query, which Twilio drops.
fn check(stream: &Stream) -> Result<Url, Error> {
    let mut url =
        Url::parse(&stream.url).map_err(|_| (31923, "Stream - WebSocket - Malformed URL"))?;
    if url.scheme() != "wss" {
        return Err((31922, "Stream - WebSocket - URL Schema Not Supported"));
    }
    if stream.track.as_deref().is_some_and(|track| track != "inbound_track") {
        return Err((31941, "Stream - Invalid Track configuration"));
    }
    if !net::is_loopback(&url) {
        // A simulator must not ring at a stranger's door.
        return Err((31902, "Stream - WebSocket - Connection Refused"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}
