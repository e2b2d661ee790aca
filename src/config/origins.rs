//! Which web pages may send events from a browser.

use std::str::FromStr;

use hyper::Uri;
use hyper::header::HeaderValue;

/// The web pages that may send events, by their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// All of them.
    Any,
    /// Those of these origins; without any, no page.
    These(Vec<HeaderValue>),
}

impl Origins {
    /// Whether the pages of this origin may send.
    #[must_use]
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::These(origins) => origins.contains(origin),
        }
    }
}

/// What is written as an origin, and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an origin as browsers send it; write scheme, host and perhaps a port, such as https://shop.example \
     or http://localhost:3000, with commas between several, or * for all"
)]
pub struct NoOrigin(String);

impl FromStr for Origins {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        match text.trim() {
            "*" => Ok(Self::Any),
            "" => Ok(Self::These(Vec::new())),
            list => {
                list.split(',').map(|origin| read(origin.trim())).collect::<Result<_, _>>().map(Self::These)
            }
        }
    }
}

/// Reads an origin (RFC 6454, section 6.2). One that no browser sends would let nobody in, and nobody would know why.
fn read(text: &str) -> Result<HeaderValue, NoOrigin> {
    let no_origin = || NoOrigin(text.to_owned());
    let uri = Uri::from_str(text).map_err(|_| no_origin())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(no_origin());
    };
    let is_default = matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
    let written = format!("{scheme}://{}", authority.as_str().to_ascii_lowercase());
    let has_letters = !authority.host().contains('*') && !authority.as_str().contains('@');
    if text != written || is_default || !has_letters {
        return Err(no_origin());
    }
    HeaderValue::try_from(written).map_err(|_| no_origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        let read: Origins =
            "https://shop.example, http://localhost:3000,capacitor://localhost".parse().expect("valid");
        let expected = ["https://shop.example", "http://localhost:3000", "capacitor://localhost"];
        assert_eq!(read, Origins::These(expected.map(HeaderValue::from_static).to_vec()));
        assert_eq!("*".parse(), Ok(Origins::Any));
        assert_eq!("".parse(), Ok(Origins::These(Vec::new())));
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in [
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example/path",
            "https://Shop.example",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://*.shop.example",
            "https://user@shop.example",
            "https://shop.example,",
            "https://shop.example,*",
            "https://shöp.example",
            "null",
            "https://shop.example https://other.example",
        ] {
            let refused = text.parse::<Origins>().expect_err(text).to_string();
            assert!(refused.contains("http://localhost:3000"), "{refused}");
        }
    }
}
